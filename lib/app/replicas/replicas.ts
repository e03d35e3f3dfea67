// This replica among its peers, out of the settings; and what it does when a session goes elsewhere.
import type { Settings } from "../../config/schema.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { StoreSeal } from "../../envelope/store_seal.ts";
import { letGo } from "../../gateway/out/sessions/end.ts";
import { Moves } from "../../gateway/out/sessions/moves.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import { formatAuthority } from "../../http1/wire/authority.ts";
import type { Logger } from "../../observe/log.ts";
import { readTextFile } from "../../platform/files/files.ts";
import { CidrList } from "../../platform/network/cidr.ts";
import { addressesOf } from "../../platform/network/name_service.ts";
import { randomBytes } from "../../platform/random.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { Replicas } from "../../replica/replicas.ts";
import type { SessionRegistry } from "../../session/registry.ts";
import type { Store } from "../../store/store.ts";
import type { Upstream } from "../../upstream/upstream.ts";

/** For the first answer of the name service. */
const DISCOVERY_MS = 1000;

interface ReplicaParts {
  readonly ring: () => KeyRing;
  readonly account: ByteAccount;
  readonly log: Logger;
  /** Where this worker's neighbours pass requests on to it; undefined of a process that has none. */
  readonly hop: { readonly hostname: string; readonly port: number } | undefined;
}

/** What others know this process by; undefined of one that has no others. */
export function selfOf({ advertise }: Settings, hop: ReplicaParts["hop"]): string | undefined {
  return hop === undefined ? advertise : `http://${formatAuthority(hop.hostname, hop.port)}`;
}

/** Where workers of one machine come from: they listen at the one address that their Signet has there. */
const NEIGHBOURS = "127.0.0.0/8";

export async function createReplicas(settings: Settings, { ring, account, log, hop }: ReplicaParts): Promise<Replicas> {
  const { peers, peersFrom, peerCaFile, path } = settings;
  const replicas = new Replicas({
    ...{ path, ring, account, log },
    self: selfOf(settings, hop),
    networks: new CidrList(hop === undefined ? peers : [NEIGHBOURS]),
    listening: hop === undefined ? undefined : new CidrList([hop.hostname]),
    resolve: peersFrom === undefined ? undefined : () => addressesOf(peersFrom),
    random: randomBytes,
    timers: SYSTEM_TIMERS,
    caCerts: peerCaFile === undefined ? undefined : [await readTextFile(peerCaFile)],
  });
  // A name service that takes its time holds nobody up: it is asked again.
  await settlesWithin(replicas.discover(), DISCOVERY_MS, SYSTEM_TIMERS);
  return replicas;
}

interface MoveParts {
  readonly store: Store;
  readonly replicas: Replicas;
  readonly registry: SessionRegistry;
  readonly upstream: Upstream;
}

/** Undefined where replicas share no store. */
export function createMoves({ store, replicas, registry, upstream }: MoveParts): Moves | undefined {
  if (store.shared === undefined) return undefined;
  return new Moves({
    ...{ store: store.shared.aliases, replicas, timers: SYSTEM_TIMERS, random: randomBytes },
    seal: new StoreSeal(() => registry.ring, "move"),
    onGone: ({ session }) => letGo(upstream, session),
    find: (sid) => registry.bySid(sid),
    upstream: () => upstream,
  });
}
