// A state file as a `Control`, with or without a Signet that runs on it: tokens hold or do not from the next request on,
// revocations reach a running Signet within moments, and one that starts later finds them.
import type { Control } from "../../admin/control.ts";
import { MAX_SESSION_TTL_MS } from "../../config/sections/sessions.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import type { TokenSecret } from "../../identity/tokens/tokens_secret.ts";
import { systemFault } from "../../platform/faults/system_fault.ts";
import type { Store } from "../../store/store.ts";
import { type CommandContext, CommandFailure, EXIT } from "../command.ts";
import { formatWarning } from "../screen/text.ts";
import { sourcesOf } from "../sources.ts";
import { asCommand } from "./failures.ts";

/** What an action cannot be done without. */
export interface Needs {
  /** Opens ids, or knows owners. */
  readonly keys?: boolean;
  /** Signs or verifies tokens. */
  readonly tokenSecrets?: boolean;
  /** Makes the file if it is not there; whatever else is done to a file that is not there is a mistake. */
  readonly makesFile?: boolean;
}

export interface OpenedControl {
  readonly control: Control;
  /** Whether it is a running Signet's, which knows what is live. */
  readonly live: boolean;
  close(): Promise<void>;
}

/** @throws ConfigError, CommandFailure */
export async function openStateControl(context: CommandContext, path: string, needs: Needs): Promise<OpenedControl> {
  const secrets = await loadTokenSecrets(context, needs);
  const ring = await loadRing(context, needs);
  if (!needs.makesFile) await requireFile(context, path);
  const { loadSome } = await import("../../config/load.ts");
  const { settings: { unsafeFiles: trustsOthers } } = await loadSome(["unsafeFiles"], sourcesOf(context));
  const store = await asCommand(() => context.openState(path, { trustsOthers }));
  try {
    const control = await createStateControl(context, { store, secrets, ring });
    return { control, live: false, close: async () => await store.close() };
  } catch (error) {
    await store.close();
    throw error;
  }
}

interface Parts {
  readonly store: Store;
  readonly secrets: { readonly all: readonly TokenSecret[]; readonly maxPerAgent: number };
  readonly ring: KeyRing | undefined;
}

async function createStateControl(context: CommandContext, { store, secrets, ring }: Parts): Promise<Control> {
  const [{ createControl }, { openRevocations }, { SessionTokens }, { OwnerBook }, { loadSome }] = await Promise.all([
    import("../../app/operators/control.ts"),
    import("../../session/revocations/revocation_store.ts"),
    import("../../identity/tokens/tokens.ts"),
    import("../../session/owner.ts"),
    import("../../config/load.ts"),
  ]);
  const { settings } = await loadSome(["bindClientId", "maxIdLength"], sourcesOf(context));
  const now = () => context.now();
  const randomBytes = (length: number) => context.random(length);
  return createControl({
    tokens: new SessionTokens({
      ...{ store: store.tokens, secrets: secrets.all, maxPerAgent: secrets.maxPerAgent, now, randomBytes },
    }),
    // What the server's --session-ttl is, or was when a session began, is not known here.
    revocations: await asCommand(async () => await openRevocations({ store, maxSessionTtlMs: MAX_SESSION_TTL_MS })),
    registry: undefined,
    owners: new OwnerBook({ bindClientId: settings.bindClientId }),
    ring: () => {
      if (ring === undefined) {
        throw new TypeError("opening the state file: found an action that needs keys, and none were loaded");
      }
      return ring;
    },
    maxIdLength: settings.maxIdLength,
    now,
  });
}

async function loadTokenSecrets(context: CommandContext, needs: Needs): Promise<Parts["secrets"]> {
  const [{ loadSome }, { loadSecrets }, { TokenSecret }] = await Promise.all([
    import("../../config/load.ts"),
    import("../../config/named/secrets.ts"),
    import("../../identity/tokens/tokens_secret.ts"),
  ]);
  const sources = sourcesOf(context);
  if (!needs.tokenSecrets) {
    // Nothing is signed or verified: a secret nobody knows is as good as the right one.
    return { all: [new TokenSecret(context.random(32))], maxPerAgent: 1 };
  }
  const loaded = await loadSome(["tokenSecretFile", "maxTokensPerAgent"], sources);
  for (const warning of loaded.warnings) context.stderr(formatWarning(warning));
  const { tokenSecretFile, maxTokensPerAgent } = loaded.settings;
  if (tokenSecretFile === undefined) {
    throw new CommandFailure(
      EXIT.usage,
      "session tokens on a state file: no secret is configured that they are signed with",
      "Set --token-secret-file to that of the Signet which uses the state file, or ask it with --admin.",
    );
  }
  const { tokenSecrets } = await loadSecrets({
    ...{ tokenSecretFile, adminTokenFile: undefined, introspectionSecretFile: undefined },
  }, { readTextFile: sources.readTextFile, places: loaded.places });
  return { all: tokenSecrets, maxPerAgent: maxTokensPerAgent };
}

async function loadRing(context: CommandContext, needs: Needs): Promise<KeyRing | undefined> {
  if (!needs.keys) return undefined;
  const { requireKeys } = await import("../configuration.ts");
  const { ring } = await requireKeys(
    context,
    new CommandFailure(
      EXIT.usage,
      "revoking on a state file: no key is configured, so ids and owners cannot be told",
      "Set --key-file or MCP_ENCRYPTION_KEY to the ring of the Signet which uses the state file, or ask it with --admin.",
    ),
  );
  return ring;
}

async function requireFile(context: CommandContext, path: string): Promise<void> {
  try {
    await context.fileMode(path);
  } catch (error) {
    // Any other fault is told in full by opening it.
    if (systemFault(error) !== "NotFound") return;
    throw new CommandFailure(
      EXIT.usage,
      `there is no state file ${path}`,
      "Name the file that `signet serve` was given with --state.",
    );
  }
}
