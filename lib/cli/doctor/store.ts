// The store that replicas share, and the name by which they find each other: whether they answer now, and whether what is
// left there stays (docs/behaviour.md R4, R6, V2).
import type { Settings } from "../../config/schema.ts";
import { storeAddress } from "../../config/values/store_address.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { addressName } from "../../platform/network/cidr.ts";
import { addressesOf } from "../../platform/network/name_service.ts";
import { pause, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { type Store, StoreError } from "../../store/store.ts";
import type { CommandContext } from "../command.ts";
import { faultOf, type Finding, type Findings } from "./finding.ts";

/** How often it is looked whether the channels are open, in ms. */
const LOOK_EVERY_MS = 10;

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
    import("../../app/replicas/shared_store.ts"),
    import("../../config/named/secrets.ts"),
  ]);
  const readTextFile = (path: string) => context.readTextFile(path);
  const { storePasswordFile } = settings;
  const secrets = await loadSecrets({ storePasswordFile }, { readTextFile });
  const now = () => context.now();
  // Beside what Signet has there: what is left is over within an hour, and nobody reads it.
  const apart = { ...settings, store: target, storePrefix: `${settings.storePrefix}:doctor` };
  const store = await openSharedStore(apart, { secrets, now, ring: () => ring, once: true });
  try {
    return await ask(store, { address: storeAddress.format(target), nowMs: now(), settings });
  } finally {
    await store.close();
  }
}

interface Asking {
  readonly address: string;
  readonly nowMs: number;
  readonly settings: Settings;
}

async function ask(store: Store, { address, nowMs, settings: { storePrefix, storeTimeoutMs } }: Asking) {
  const { shared } = store;
  const what = "store";
  try {
    await shared?.probe();
    const policy = await shared?.evictionPolicy();
    await tryOut(store, nowMs);
    if (!await hears(shared, storeTimeoutMs)) {
      return {
        ...{ verdict: "fail", what, found: `${address} answers, and lets nobody listen to its channels` } as const,
        cure: `Give its user the channels &*${storePrefix}:* and the right to subscribe: else what is revoked on one ` +
          "replica is heard late on the others.",
      };
    }
    if (policy === undefined || policy === "noeviction") {
      // Whoever may no more than Signet needs may not ask.
      const untold = policy === undefined ? ", and does not tell what it does when it is full (INFO)" : "";
      return { verdict: "ok", what, found: `${address} answers${untold}` } as const;
    }
    return {
      ...{ verdict: "warn", what } as const,
      found: `${address} answers, and forgets what it likes when it is full (maxmemory-policy ${policy})`,
      cure: "Set maxmemory-policy noeviction: else revocations may be forgotten.",
    };
  } catch (error) {
    const { up = false, cause = "" } = shared?.state() ?? {};
    // What it says to one question, where it answers others.
    if (up && error instanceof StoreError) {
      const found = `${address}: ${error.cause instanceof Error ? error.cause.message : error.message}`;
      return { verdict: "fail", what, found, cure: error.remedy } as const;
    }
    return {
      ...{ verdict: "fail", what, found: `${address}: ${cause === "" ? faultOf(error) : cause}` } as const,
      cure: error instanceof StoreError
        ? error.remedy
        : "See whether it runs, whether it can be reached from here, and who may use it (--store-password-file).",
    };
  }
}

/** All that Signet asks of a store, once: a user may lack the right to one command, and a replica takes no writes. */
async function tryOut({ tokens, revocations, rates, shared }: Store, nowMs: number): Promise<void> {
  const name = `doctor at ${nowMs}`;
  const untilMs = nowMs + 1000;
  await revocations.add({ kind: "all", beforeMs: 1, untilMs });
  await revocations.find({ sid: name, owner: name, issuedAtMs: Infinity });
  await revocations.changesSince(0, 1);
  await tokens.insertBelowLimit(
    { sid: name, agent: "doctor", digest: name, expiresAtS: Math.ceil(untilMs / 1000), issuedAtMs: nowMs },
    { limit: 1_000_000, nowMs },
  );
  await tokens.list({ nowMs, limit: 1 });
  await tokens.list({ nowMs, agent: "doctor", limit: 1 });
  await tokens.remove(name);
  await tokens.removeAgent("doctor", nowMs);
  await rates?.take([{ rate: { id: "doctor", amount: 1, windowMs: 1000, burst: 1 }, key: name, cost: 1 }], nowMs);
  if (shared === undefined) return;
  const { places, aliases } = shared;
  const place = { principal: name, session: name };
  const bounds = { limit: 1, yieldAfterMs: 0, idleMs: 1000 };
  await places.take({ ...place, session: `${name}, which gives way` }, bounds);
  await places.take(place, bounds);
  await places.count(name, bounds.idleMs);
  await places.release(place);
  await aliases.takeTurn(name, name, 1000);
  await aliases.giveTurnBack(name, name);
  await aliases.replace(name, { before: undefined, text: "doctor", ttlMs: 1000 });
  await aliases.get(name);
  await aliases.remove(name);
}

async function hears(shared: Store["shared"], timeoutMs: number): Promise<boolean> {
  if (shared === undefined) return true;
  shared.watchRevocations(() => {});
  for (let waitedMs = 0; !shared.state().listening && waitedMs < timeoutMs; waitedMs += LOOK_EVERY_MS) {
    if (shared.state().refusals > 0) return false;
    await pause(LOOK_EVERY_MS, SYSTEM_TIMERS);
  }
  return shared.state().listening;
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
