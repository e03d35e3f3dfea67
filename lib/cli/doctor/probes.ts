// The looks that need a network, in the order a request would meet them; `doctor` and `check --probe` share them (V2).
import type { CommandContext } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { examineAddresses } from "./addresses.ts";
import { examineCallers } from "./callers.ts";
import type { Findings } from "./finding.ts";
import { examineServer } from "./handshake.ts";
import type { HandshakeOptions } from "./probe_client.ts";
import { examineReplicas } from "./store.ts";

export async function* probe(
  context: CommandContext,
  configuration: Configuration,
  options: HandshakeOptions,
): Findings {
  const { settings } = configuration;
  yield* examineAddresses(context, settings);
  const [{ createAuthenticator }, { loadSecrets }] = await Promise.all([
    import("../../app/parts/callers.ts"),
    import("../../config/named/secrets.ts"),
  ]);
  const { introspectionSecret } = await loadSecrets(settings, { readTextFile: (path) => context.readTextFile(path) });
  const secrets = { tokens: undefined, introspectionSecret };
  yield* examineCallers({ context, settings, secrets, make: createAuthenticator });
  yield* examineReplicas({ context, settings, ring: configuration.keys.ring });
  yield* examineServer(context, settings, options);
}
