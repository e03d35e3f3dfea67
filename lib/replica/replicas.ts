// This replica among its peers: how it is called, who may be one, and which of them live. A peer's address comes out of an
// authentic envelope or from the name service, and is used only where the settings say that peers are (docs/behaviour.md
// M4, R1, R2). Bounded: as many peers as a deployment can have.
import { Buffer } from "node:buffer";
import type { KeyRing } from "../envelope/key_ring.ts";
import type { ByteAccount } from "../http1/byte_account.ts";
import { formatHost } from "../http1/wire/authority.ts";
import { parseEndpoint } from "../http1/wire/endpoint.ts";
import type { Logger } from "../observe/log.ts";
import { LabelledCounter } from "../observe/metrics.ts";
import type { CidrList } from "../platform/network/cidr.ts";
import { createHash } from "../platform/runtime/builtin.ts";
import type { Timers } from "../platform/time/timers.ts";
import { type HopClaim, type HopHead, type HopRequest, readHopHead } from "./hop_proof.ts";
import { Peer, type PeerState } from "./peer.ts";
import { type Place, Places } from "./places.ts";
import { SeenCounts } from "./seen_counts.ts";

export interface ReplicasOptions {
  /** `http://10.0.0.5:8080`, which ids of sessions that begin here name as their home; undefined: they name none. */
  readonly self: string | undefined;
  /** Networks that peers are in, besides the addresses that {@link ReplicasOptions.resolve} finds. */
  readonly networks: CidrList;
  /** Where they listen, if that is less than where they come from. */
  readonly listening?: CidrList | undefined;
  /** Addresses of peers, from the name service; undefined where it is not asked. */
  readonly resolve?: (() => Promise<readonly string[]>) | undefined;
  readonly path: string;
  readonly ring: () => KeyRing;
  readonly random: (n: number) => Uint8Array;
  readonly timers: Timers;
  readonly account?: ByteAccount;
  readonly caCerts?: readonly string[] | undefined;
  readonly log?: Logger;
}

const MAX_PEERS = 1024;
/** Of them so many are told of: addresses change hands, and each is a label. */
const MAX_TOLD = 64;
/** So often the name service may name nobody before it is told of: where all of them start, none is ready. */
const ROUNDS_UNNAMED = 3;
/** One that has not been heard for so long, and has nothing under way, is forgotten. */
const FORGOTTEN_MS = 60 * 60_000;

/** What is known of another replica. */
export interface PeerFacts {
  readonly address: string;
  readonly state: PeerState;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Of one that is dead: what was found there. */
  readonly why: string;
  /** Requests passed on to it, and taken from it, since it is known. */
  readonly passed: number;
  readonly received: number;
}

/** How a request that belongs to another replica ended there. */
const HOP_OUTCOMES = ["passed", "dead", "lost", "moved", "refused"] as const;
export type HopOutcome = typeof HOP_OUTCOMES[number];

/** Why a request that says it was passed on is not taken. */
export type HopRefusal = "stranger" | "unproven" | "other_process" | "repeated";

/** What is known of a head that claims to be of requests passed on, for as long as the ring is the same. */
export interface ReceivedHead {
  readonly ring: KeyRing;
  /** Where its connection comes from. */
  readonly place: Place;
  /** Undefined where its claim is none. */
  readonly head: HopHead | undefined;
  /** Who sends those that are proven. */
  peer: Peer | undefined;
}

/** What a request says that others with the same head do not: the fields of the proof and of the session. */
export interface SaidForItself {
  readonly proof: string | undefined;
  readonly sessionId: string | undefined;
}

export class Replicas {
  readonly self: string | undefined;
  /** This process. */
  readonly instance: string;
  readonly hops = new LabelledCounter<HopOutcome>(HOP_OUTCOMES);
  /** Requests that others have passed on to this replica. */
  received = 0;
  readonly #options: ReplicasOptions;
  readonly #peers = new Map<string, Peer>();
  /** Where peers come from, and where they are connected to. */
  readonly #places: Places;
  readonly #homes: Places;
  /** What the name service answered last. */
  #current: readonly string[] = [];
  /** How often in a row it named nobody. */
  #unnamed = 0;
  readonly #seen = new SeenCounts();
  /** Beyond all numbers that were sent to peers which have given way. */
  #firstCount = 0;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.self = options.self;
    const { networks, listening, timers } = options;
    this.#places = new Places(networks, timers);
    this.#homes = listening === undefined ? this.#places : new Places(listening, timers);
    this.instance = Buffer.from(options.random(16)).toString("base64url");
  }

  /** The peer at an address that an id has sealed; undefined if no peer may be there. */
  at(address: string): Peer | undefined {
    if (address === this.self) return undefined;
    const known = this.#peers.get(address);
    if (known !== undefined) return this.#homes.has(known.place) ? known : undefined;
    const place = this.#homes.of(hostOf(address));
    if (!this.#homes.has(place) || !this.#makeRoom()) return undefined;
    const { path, ring, random, timers, account, caCerts } = this.#options;
    const peer = new Peer({
      ...{ address, place, path, ring, random, timers, caCerts, sender: this.instance, firstCount: this.#firstCount },
      from: this.self ?? "",
      onFound: (found, wasForMs) => this.#tell(found, wasForMs),
      ...(account === undefined ? {} : { account }),
    });
    this.#peers.set(address, peer);
    return peer;
  }

  /** What a head says that claims to be of requests which another replica passes on. @param from of its connection */
  headOf(field: string, from: string, request: Omit<HopRequest, "to">): ReceivedHead {
    const { self } = this;
    const ring = this.#options.ring();
    const head = self === undefined ? undefined : readHopHead(ring, field, { ...request, to: self });
    return { ring, place: this.#places.of(from), head, peer: undefined };
  }

  /** Under another ring a head has to be looked at anew: its key may have been taken away. */
  isCurrent({ ring }: ReceivedHead): boolean {
    return ring === this.#options.ring();
  }

  /** What a request with that head claims, or why it is not believed. */
  take(received: ReceivedHead, { proof, sessionId }: SaidForItself): HopClaim | HopRefusal {
    const { head, place } = received;
    if (this.self === undefined || !this.#places.has(place)) return "stranger";
    const claim = proof === undefined ? undefined : head?.read(proof, sessionId);
    if (claim === undefined) return "unproven";
    if (claim.instance !== this.instance) return "other_process";
    if (!this.#seen.isNew(claim.sender, claim.count)) return "repeated";
    this.received++;
    received.peer ??= this.at(claim.from);
    if (received.peer !== undefined) received.peer.received++;
    return claim;
  }

  /** Whether somebody at that IP address may be a peer. */
  isOurs(ip: string): boolean {
    return this.#places.has(this.#places.of(ip));
  }

  /**
   * Who takes over a session whose home is gone, where no store says it: of all that the name service names, this one
   * included, the one that all replicas find. Undefined: this one, or nobody is known.
   */
  heirOf(sid: string, gone: string): string | undefined {
    const { self } = this;
    if (self === undefined || this.#current.length === 0) return undefined;
    let heir = self;
    let best = weightOf(sid, self);
    for (const ip of this.#current) {
      const address = addressAt(self, ip);
      if (address === gone || address === self || this.at(address)?.isDead !== false) continue;
      const weight = weightOf(sid, address);
      if (weight > best) [heir, best] = [address, weight];
    }
    return heir === self ? undefined : heir;
  }

  /** Forgets who is gone for good, and asks the name service. Never rejects: what it named last is believed on. */
  async discover(): Promise<void> {
    const { resolve } = this.#options;
    this.#forgetTheDead();
    if (resolve === undefined) return;
    let cause: unknown;
    const found = await resolve().catch((fault) => void (cause = fault));
    if (found !== undefined && found.length > 0) this.#current = found.slice(0, MAX_PEERS);
    this.#noteNamed(found?.length ?? 0, cause);
    this.#places.note(found === undefined ? [] : this.#current);
    // Known from now on, whether anything is passed on to it or not.
    const { self } = this;
    if (self !== undefined) { for (const ip of this.#current) this.at(addressAt(self, ip)); }
  }

  /** Peers by what is known of them. */
  counts(): Record<"up" | "dead" | "unknown", number> {
    const counts = { up: 0, dead: 0, unknown: 0 };
    for (const { state } of this.#peers.values()) counts[state]++;
    return counts;
  }

  /** What is known of each peer, those that live first; of a few, where there are many. */
  facts(): PeerFacts[] {
    const known = [...this.#peers.values()].map(({ address, state, sinceMs, why, passed, received }): PeerFacts => {
      return { address, state, sinceMs, why: state === "dead" ? why : "", passed, received };
    });
    const rank: Record<PeerState, number> = { up: 0, dead: 1, unknown: 2 };
    known.sort((a, b) => rank[a.state] - rank[b.state] || b.sinceMs - a.sinceMs || (a.address < b.address ? -1 : 1));
    return known.slice(0, MAX_TOLD);
  }

  /** Entries of the maps held here, for metrics. */
  sizes(): Record<"peers" | "named_peers" | "hop_senders", number> {
    return { peers: this.#peers.size, named_peers: this.#places.size, hop_senders: this.#seen.size };
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
  }

  /** Addresses change hands for as long as a replica lives: one where nothing is under way gives way, a dead one first. */
  #makeRoom(): boolean {
    if (this.#peers.size < MAX_PEERS) return true;
    const resting = [...this.#peers.values()].filter(({ underWay }) => underWay === 0);
    const given = resting.find(({ state }) => state !== "up") ?? resting[0];
    if (given === undefined) return false;
    this.#forget(given);
    return true;
  }

  #forget(peer: Peer): void {
    peer.close();
    // Met again, it may still be the process that has seen those.
    this.#firstCount = Math.max(this.#firstCount, peer.nextCount());
    this.#peers.delete(peer.address);
  }

  #forgetTheDead(): void {
    const beforeMs = this.#options.timers.now() - FORGOTTEN_MS;
    for (const peer of this.#peers.values()) {
      if (peer.state !== "up" && peer.underWay === 0 && peer.sinceMs < beforeMs) this.#forget(peer);
    }
  }

  /** @param cause why the name service said nothing, if it failed */
  #noteNamed(count: number, cause: unknown): void {
    const { log } = this.#options;
    const wasTold = this.#unnamed >= ROUNDS_UNNAMED;
    this.#unnamed = count > 0 ? 0 : this.#unnamed + 1;
    if (count > 0 && wasTold) log?.info("the name of --peers leads to replicas again", { count });
    if (wasTold || this.#unnamed < ROUNDS_UNNAMED) return;
    const { code, name } = (cause ?? {}) as { readonly code?: unknown; readonly name?: unknown };
    log?.warn("the name of --peers leads nowhere", { found: String(code ?? name ?? "no address") });
  }

  #tell({ address, state, why }: Peer, wasForMs: number): void {
    const { log } = this.#options;
    const forS = Math.round(wasForMs / 1000);
    if (state === "dead") log?.warn("another replica was found dead", { peer: address, found: why });
    else log?.info("another replica lives again", { peer: address, deadForS: forS });
  }
}

/** The replica at an IP address that listens as this one does. */
function addressAt(self: string, ip: string): string {
  const { protocol, port } = new URL(self);
  return `${protocol}//${formatHost(ip)}${port === "" ? "" : `:${port}`}`;
}

/** Without brackets; empty for what is no address. */
function hostOf(address: string): string {
  try {
    const { endpoint } = parseEndpoint(address);
    return endpoint.transport === "unix" ? "" : endpoint.hostname;
  } catch {
    return "";
  }
}

/** The same on all replicas, and for each session another order of them (rendezvous hashing). */
function weightOf(sid: string, address: string): string {
  return createHash("sha256").update(`${sid}\n${address}`).digest("hex");
}
