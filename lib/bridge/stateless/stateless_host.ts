// The peers behind stateless clients: started by a first request, ended when idle for long enough. Two owners never share
// one (docs/behaviour.md B1, O2); of one owner, clients that are one kind of client share one, since a server of the
// sessions' era is told once for all who its client is (S3). A stateless server is told each time: one an owner will do.
import { canonicalJson } from "../../envelope/canonical_json.ts";
import { SignetError } from "../../errors.ts";
import { oneAfterTheOther } from "../../http1/call_of.ts";
import type { Call, Fields } from "../../http1/types.ts";
import { clientForLegacy, type ClientSelf } from "../../mcp/eras/between_eras.ts";
import type { Era } from "../../mcp/eras/revisions.ts";
import { createHash } from "../../platform/runtime/builtin.ts";
import { OwnedTimer } from "../../platform/time/timers.ts";
import type { Claim, Homes, Whereabouts } from "../../replica/elsewhere.ts";
import type { CallerKeys, OwnerKey, PrincipalKey } from "../../session/caller.ts";
import { type BridgeParts, outboxOptions, partsOf, randomName } from "../limits.ts";
import type { Parting } from "../peer/peer_source.ts";
import type { ChoosePeers, Gate, OwnedSince, PoolKey } from "../request.ts";
import type { StatelessPost } from "./exchange.ts";
import { LostParks } from "./rounds/lost_parks.ts";
import { Parking } from "./rounds/parking.ts";
import { CLIENT, type EraMemo, StatelessLife } from "./stateless_life.ts";
import { StatelessServer } from "./stateless_server.ts";

export interface StatelessHostOptions {
  readonly parts: BridgeParts;
  readonly gate: Gate;
  readonly choose: ChoosePeers;
  /** See `BridgeServerOptions`. */
  readonly statelessPeersAre?: Era;
}

/** Whose request it is; the fields are those of a request that may start a peer. */
export interface StatelessCaller {
  readonly caller: CallerKeys;
  readonly fields: Fields;
  readonly where: Whereabouts;
}

/** An owner's kind of client. */
interface Pool {
  readonly key: PoolKey;
  readonly client: ClientSelf;
}

interface Hosted {
  /** Where replicas agree on who has its peers. */
  claim: Claim | undefined;
  readonly key: PoolKey;
  readonly owner: OwnerKey;
  readonly principalKey: PrincipalKey;
  readonly life: StatelessLife;
  readonly server: StatelessServer;
  /** When it began here, in ms since the epoch. */
  readonly sinceMs: number;
  readonly idle: OwnedTimer;
  /** Since when it has had nothing to do, in ms since the epoch; undefined while it has. */
  restingSinceMs: number | undefined;
}

export class StatelessHost {
  readonly #options: StatelessHostOptions;
  readonly #memo: EraMemo;
  readonly #parking: Parking;
  readonly #lost: LostParks;
  readonly #hosted = new Map<PoolKey, Hosted>();
  /** The one of each owner that its clients of whatever kind share, where the server is stateless. */
  readonly #shared = new Map<OwnerKey, Hosted>();
  /** Those that are about to be here, once the other replicas know. */
  readonly #placing = new Map<PoolKey, Promise<Hosted>>();
  /** Those that take no more requests, and have some in hand. */
  readonly #leaving = new Set<Hosted>();
  readonly #ending = new Set<Promise<void>>();
  #isEnded = false;

  constructor(options: StatelessHostOptions) {
    this.#options = options;
    this.#memo = { era: options.statelessPeersAre, isGiven: options.statelessPeersAre !== undefined };
    this.#parking = new Parking(options.parts);
    this.#lost = new LostParks(randomName(options.parts, 8));
  }

  /** Owners, and kinds of clients, with a peer of their own. */
  get size(): number {
    return this.#hosted.size;
  }

  /** Requests in hand. */
  get calls(): number {
    return this.#all.reduce((sum, { server }) => sum + server.size, 0);
  }

  get #all(): Hosted[] {
    return [...this.#hosted.values(), ...this.#leaving];
  }

  /** @throws Elsewhere, in its response, where another replica has the peers */
  post(asking: StatelessCaller, post: StatelessPost): Call {
    const { owner } = asking.caller;
    const shared = this.#memo.era === "modern" ? this.#shared.get(owner) : undefined;
    if (shared !== undefined) return this.#postTo(shared, post);
    const client = clientForLegacy(post.request.params, CLIENT);
    const pool = { key: keyOf(owner, client), client };
    const hosted = this.#stayed(pool.key);
    if (hosted !== undefined) return this.#postTo(hosted, post);
    const { homes } = this.#options.parts.here ?? {};
    if (homes === undefined || this.#memo.era === "modern") return this.#postTo(this.#add(asking, pool), post);
    return oneAfterTheOther(async (under) => await under(this.#postTo(await this.#place(asking, pool, homes), post)));
  }

  #postTo(hosted: Hosted, post: StatelessPost): Call {
    hosted.idle.clear();
    hosted.restingSinceMs = undefined;
    // A server that keeps nothing may be asked anywhere.
    if (this.#memo.era === "modern") this.#unclaim(hosted);
    hosted.claim?.use();
    return hosted.server.post(post);
  }

  /** The one that is here, unless another replica has taken its place while nothing is under way here. */
  #stayed(key: PoolKey): Hosted | undefined {
    const hosted = this.#hosted.get(key);
    if (hosted?.claim?.isMoved !== true || hosted.server.size > 0) return hosted;
    // Whoever has taken its place goes on with what it finds.
    return void this.#remove(hosted, "leave");
  }

  /** @throws Elsewhere; SignetError as `#makeRoom` */
  async #place(asking: StatelessCaller, pool: Pool, homes: Homes): Promise<Hosted> {
    for (;;) {
      const others = this.#placing.get(pool.key);
      if (others === undefined) break;
      // What is known to be gone is each one's own: who finds it elsewhere speaks for nobody else.
      const hosted = await others.catch(() => undefined);
      if (hosted !== undefined) return hosted;
    }
    const placing = homes.claim(pool.key, asking.where.gone).then((claim) => this.#addClaimed(asking, pool, claim))
      .finally(() => this.#placing.delete(pool.key));
    this.#placing.set(pool.key, placing);
    return await placing;
  }

  #addClaimed(asking: StatelessCaller, pool: Pool, claim: Claim): Hosted {
    // One that needs no claim may have come meanwhile: whoever takes its place here leaves it to nobody to end.
    const other = this.#hosted.get(pool.key);
    if (other !== undefined) {
      claim.end();
      return other;
    }
    try {
      const hosted = this.#add(asking, pool);
      hosted.claim = claim;
      return hosted;
    } catch (refusal) {
      claim.end();
      throw refusal;
    }
  }

  #unclaim(hosted: Hosted): void {
    hosted.claim?.end();
    hosted.claim = undefined;
  }

  /** Ends what is meant, at the servers too; calls that wait are given up. */
  endOf(which: OwnedSince): void {
    for (const hosted of this.#all) if (which(hosted.owner, hosted.sinceMs)) this.#remove(hosted);
  }

  /** This process ends: what another one can go on with stays at its server. */
  async end(): Promise<void> {
    this.#isEnded = true;
    for (const hosted of this.#all) this.#remove(hosted, "leave");
    this.#parking.close();
    await Promise.all(this.#ending);
  }

  #add({ caller, fields }: StatelessCaller, { key, client }: Pool): Hosted {
    const { parts, gate, choose } = this.#options;
    const { owner, principalKey } = caller;
    if (this.#isEnded) throw new SignetError("draining");
    this.#makeRoom(caller);
    const open = choose({ caller, session: undefined, pool: key, fields });
    // Not in the same breath: what waits for the peer is told first why there is none.
    const onDoomed = () => queueMicrotask(() => this.#remove(hosted));
    const unusedSinceMs = () => hosted.restingSinceMs;
    const life = new StatelessLife({
      gate,
      owner,
      memo: this.#memo,
      open,
      client,
      unusedSinceMs,
      onDoomed,
      onRefused: () => this.#outgrow(hosted),
      timers: parts.timers,
    });
    const outbox = outboxOptions(partsOf(caller, parts));
    const parker = { principalKey, account: outbox.account };
    const server = new StatelessServer({
      life,
      outbox,
      limits: parts.limits,
      takePlace: () => this.#parking.take(parker),
      home: parts.here?.home,
      lost: this.#lost,
      onLostCall: parts.onLostCall,
      newName: () => randomName(parts, 16),
      onIdle: () => this.#restUntilNeeded(hosted),
    });
    const hosted: Hosted = {
      ...{ claim: undefined, key, owner, principalKey, life, server, sinceMs: parts.timers.now() },
      ...{ idle: new OwnedTimer(parts.timers), restingSinceMs: undefined },
    };
    this.#hosted.set(key, hosted);
    if (!this.#shared.has(owner)) this.#shared.set(owner, hosted);
    return hosted;
  }

  /**
   * A caller at a bound of its own makes room for itself: what it has not used for longest gives way (M5), of the same
   * owner alone. It is counted as a person, or it would have a bound for each of its OAuth clients.
   * @throws SignetError `principal_limit`, `session_limit` where all are in use
   */
  #makeRoom({ owner, principalKey }: CallerKeys): void {
    const { all, ofOneCaller } = this.#options.parts.limits.peerCaps();
    const callers = [...this.#hosted.values()].filter((hosted) => hosted.principalKey === principalKey);
    const isFull = this.#hosted.size >= all;
    if (callers.length < ofOneCaller && !isFull) return;
    const resting = callers.filter((hosted) => hosted.owner === owner && hosted.restingSinceMs !== undefined)
      .sort((a, b) => a.restingSinceMs! - b.restingSinceMs!);
    if (resting.length > 0) return this.#remove(resting[0]!);
    throw new SignetError(isFull ? "session_limit" : "principal_limit", { retryAfterS: 1 });
  }

  #restUntilNeeded(hosted: Hosted): void {
    const { timers, limits } = this.#options.parts;
    if (this.#leaving.has(hosted)) return this.#remove(hosted, "leave");
    if (this.#hosted.get(hosted.key) !== hosted) return;
    // One that never began has nothing to keep here: the next request tries anew, with what is kept elsewhere.
    if (!hosted.life.begun) return this.#remove(hosted, "leave");
    hosted.restingSinceMs = timers.now();
    hosted.idle.set(limits.idleMs, () => this.#remove(hosted));
  }

  /** Its servers are others by now: the next request begins anew, and what is in hand may come to its end. */
  #outgrow(hosted: Hosted): void {
    if (!this.#takeOut(hosted)) return;
    this.#leaving.add(hosted);
    hosted.server.endSubscriptions();
    if (hosted.server.size === 0) this.#remove(hosted, "leave");
  }

  /** From now on it is asked nothing more. @returns false if that is so already */
  #takeOut(hosted: Hosted): boolean {
    if (this.#hosted.get(hosted.key) !== hosted) return false;
    this.#hosted.delete(hosted.key);
    if (this.#shared.get(hosted.owner) === hosted) this.#shared.delete(hosted.owner);
    hosted.idle.close();
    this.#unclaim(hosted);
    return true;
  }

  #remove(hosted: Hosted, how: Parting = "end"): void {
    if (!this.#takeOut(hosted) && !this.#leaving.delete(hosted)) return;
    hosted.server.end();
    const ending = hosted.life.stop(how).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

/** @throws SignetError `invalid_params` for capabilities that are nested too deep */
function keyOf(owner: OwnerKey, { clientInfo: { name, version }, capabilities }: ClientSelf): PoolKey {
  const text = canonicalJson([owner, name ?? null, version ?? null, capabilities]);
  return createHash("sha256").update(text).digest("base64url") as PoolKey;
}
