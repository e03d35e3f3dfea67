// The store that replicas share, and the name by which they find each other: whether they answer now, and whether what is
// left there stays (docs/behaviour.md R4, R6, V2).
import type { Settings } from "../../config/schema.ts";
import { storeAddress } from "../../config/store_address.ts";
import { addressName } from "../../identity/cidr.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { addressesOf } from "../../platform/names.ts";
import type { Store } from "../../store/store.ts";
import type { CommandContext } from "../command.ts";
import { faultOf, type Finding, type Findings } from "./finding.ts";

export interface StoreLook {
  readonly context: Pick<CommandContext, "readTextFile" | "now">;
  readonly settings: Settings;
  readonly ring: KeyRing;
}

export async function* examineReplicas(look: StoreLook): Findings {
  const { store, peersFrom, advertise } = look.settings;
  if (store !== "memory") yield await examineStore(look, store);
  if (peersFrom !== undefined) yield await examinePeers(peersFrom, advertise);
}

async function examineStore({ context, settings, ring }: StoreLook, target: Exclude<Settings["store"], "memory">) {
  const [{ openSharedStore }, { loadSecrets }] = await Promise.all([
    import("../../app/shared_store.ts"),
    import("../../config/secrets.ts"),
  ]);
  const readTextFile = (path: string) => context.readTextFile(path);
  const { storePasswordFile } = settings;
  const secrets = await loadSecrets({ storePasswordFile }, { readTextFile });
  const now = () => context.now();
  const store = await openSharedStore({ ...settings, store: target }, { secrets, now, ring: () => ring, once: true });
  try {
    return await ask(store, storeAddress.format(target));
  } finally {
    await store.close();
  }
}

async function ask({ shared }: Store, address: string): Promise<Finding> {
  const what = "store";
  try {
    const policy = await shared?.evictionPolicy();
    if (policy === undefined || policy === "noeviction") return { verdict: "ok", what, found: `${address} answers` };
    return {
      verdict: "warn",
      what,
      found: `${address} answers, and forgets what it likes when it is full (maxmemory-policy ${policy})`,
      cure: "Set maxmemory-policy noeviction: else revocations may be forgotten.",
    };
  } catch (error) {
    const { cause = "" } = shared?.state() ?? {};
    return {
      verdict: "fail",
      what,
      found: `${address}: ${cause === "" ? faultOf(error) : cause}`,
      cure: "See whether it runs, whether it can be reached from here, and who may use it (--store-password-file).",
    };
  }
}

async function examinePeers(name: string, advertise: string | undefined): Promise<Finding> {
  const what = "peers";
  try {
    const found = await addressesOf(name);
    const own = advertise === undefined ? undefined : new URL(advertise).hostname.replace(/^\[(.*)\]$/, "$1");
    if (own !== undefined && !found.some((ip) => addressName(ip) === addressName(own))) {
      return {
        verdict: "warn",
        what,
        found: `${name} is ${found.slice(0, 8).join(", ")}, and not ${own}, which --advertise names`,
        cure: "The name has to stand for this replica, too, when it is ready: else others take nothing from it.",
      };
    }
    return { verdict: "ok", what, found: `${name} is ${found.length} address${found.length === 1 ? "" : "es"}` };
  } catch (error) {
    return {
      verdict: "warn",
      what,
      found: `${name}: ${faultOf(error)}`,
      cure: "See whether the name is right; before the first replica is ready it may stand for nobody.",
    };
  }
}
