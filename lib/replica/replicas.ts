// This replica among its peers: how it is called, who may be one, and which of them live. A peer's address comes out of an
// authentic envelope or from the name service, and is used only where the settings say that peers are (docs/behaviour.md
// M4, R1, R2). Bounded: as many peers as a deployment can have.
import { Buffer } from "node:buffer";
import type { KeyRing } from "../envelope/key_ring.ts";
import type { ByteAccount } from "../http1/byte_account.ts";
import { parseEndpoint } from "../http1/wire/endpoint.ts";
import { addressName, type CidrList } from "../identity/cidr.ts";
import { LabelledCounter } from "../observe/metrics.ts";
import type { Timers } from "../platform/timers.ts";
import { type HopClaim, type HopRequest, readHop } from "./hop_proof.ts";
import { Peer } from "./peer.ts";
import { SeenCounts } from "./seen_counts.ts";
import { createHash } from "../platform/builtin.ts";

export interface ReplicasOptions {
  /** `http://10.0.0.5:8080`, which ids of sessions that begin here name as their home; undefined: they name none. */
  readonly self: string | undefined;
  /** Networks that peers are in, besides the addresses that {@link ReplicasOptions.resolve} finds. */
  readonly networks: CidrList;
  /** Addresses of peers, from the name service; undefined where it is not asked. */
  readonly resolve?: (() => Promise<readonly string[]>) | undefined;
  readonly path: string;
  readonly ring: () => KeyRing;
  readonly random: (n: number) => Uint8Array;
  readonly timers: Timers;
  readonly account?: ByteAccount;
  readonly caCerts?: readonly string[] | undefined;
}

const MAX_PEERS = 1024;
/** An address that the name service no longer names is let in for so long: it stops naming who is about to leave. */
const REMEMBERED_MS = 10 * 60_000;

/** How a request that belongs to another replica ended there. */
export const HOP_OUTCOMES = ["passed", "dead", "lost", "moved", "refused"] as const;
export type HopOutcome = typeof HOP_OUTCOMES[number];

/** Why a request that says it was passed on is not taken. */
export type HopRefusal = "stranger" | "unproven" | "other_process" | "repeated";

export class Replicas {
  readonly self: string | undefined;
  /** This process. */
  readonly instance: string;
  readonly hops = new LabelledCounter<HopOutcome>(HOP_OUTCOMES);
  /** Requests that others have passed on to this replica. */
  received = 0;
  readonly #options: ReplicasOptions;
  readonly #peers = new Map<string, Peer>();
  /** IP addresses from the name service, by their one name → until when they are believed, in ms since the epoch. */
  readonly #named = new Map<string, number>();
  /** Those of its last answer. */
  #current: readonly string[] = [];
  readonly #seen = new SeenCounts();
  /** Beyond all numbers that were sent to peers which have given way. */
  #firstCount = 0;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.self = options.self;
    this.instance = Buffer.from(options.random(16)).toString("base64url");
  }

  /** The peer at an address that an id has sealed; undefined if no peer may be there. */
  at(address: string): Peer | undefined {
    if (address === this.self) return undefined;
    const known = this.#peers.get(address);
    if (known !== undefined) return this.#isOurs(known.ip) ? known : undefined;
    if (!this.#isOurs(hostOf(address)) || !this.#makeRoom()) return undefined;
    const { path, ring, random, timers, account, caCerts } = this.#options;
    const peer = new Peer({
      ...{ address, path, ring, random, timers, caCerts, sender: this.instance, firstCount: this.#firstCount },
      ...(account === undefined ? {} : { account }),
    });
    this.#peers.set(address, peer);
    return peer;
  }

  /**
   * What a request claims that another replica has passed on. @param from address of the connection
   * @returns the claim, or why it is not believed
   */
  take(field: string, from: string, request: Omit<HopRequest, "to">): HopClaim | HopRefusal {
    const { self } = this;
    if (self === undefined || !this.#isOurs(from)) return "stranger";
    const claim = readHop(this.#options.ring(), field, { ...request, to: self });
    if (claim === undefined) return "unproven";
    if (claim.instance !== this.instance) return "other_process";
    if (!this.#seen.isNew(claim.sender, claim.count)) return "repeated";
    this.received++;
    return claim;
  }

  /** Whether somebody at that IP address may be a peer. */
  isOurs(ip: string): boolean {
    return this.#isOurs(ip);
  }

  /**
   * Who takes over a session whose home is gone, where no store says it: of all that the name service names, this one
   * included, the one that all replicas find. Undefined: this one, or nobody is known.
   */
  heirOf(sid: string, gone: string): string | undefined {
    const { self } = this;
    if (self === undefined || this.#current.length === 0) return undefined;
    const { protocol, port } = new URL(self);
    let heir = self;
    let best = weightOf(sid, self);
    for (const ip of this.#current) {
      const address = `${protocol}//${ip.includes(":") ? `[${ip}]` : ip}${port === "" ? "" : `:${port}`}`;
      if (address === gone || address === self || this.at(address)?.isDead !== false) continue;
      const weight = weightOf(sid, address);
      if (weight > best) [heir, best] = [address, weight];
    }
    return heir === self ? undefined : heir;
  }

  /** Asks the name service. Never rejects: what it named last is believed on. */
  async discover(): Promise<void> {
    const { resolve, timers } = this.#options;
    if (resolve === undefined) return;
    const found = await resolve().catch(() => undefined);
    const nowMs = timers.now();
    if (found !== undefined && found.length > 0) {
      this.#current = found.slice(0, MAX_PEERS);
      for (const ip of this.#current) {
        const name = addressName(ip);
        if (name !== undefined) this.#named.set(name, nowMs + REMEMBERED_MS);
      }
    }
    for (const [name, untilMs] of this.#named) if (untilMs <= nowMs) this.#named.delete(name);
  }

  /** Peers by what is known of them. */
  counts(): Record<"up" | "dead" | "unknown", number> {
    const counts = { up: 0, dead: 0, unknown: 0 };
    for (const peer of this.#peers.values()) counts[peer.isUp ? "up" : peer.isDead ? "dead" : "unknown"]++;
    return counts;
  }

  /** Entries of the maps held here, for metrics. */
  sizes(): Record<"peers" | "named_peers" | "hop_senders", number> {
    return { peers: this.#peers.size, named_peers: this.#named.size, hop_senders: this.#seen.size };
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
  }

  /** Addresses change hands for as long as a replica lives: one where nothing is under way gives way, a dead one first. */
  #makeRoom(): boolean {
    if (this.#peers.size < MAX_PEERS) return true;
    const resting = [...this.#peers.values()].filter(({ underWay }) => underWay === 0);
    const given = resting.find(({ isUp }) => !isUp) ?? resting[0];
    if (given === undefined) return false;
    given.close();
    // Met again, it may still be the process that has seen those.
    this.#firstCount = Math.max(this.#firstCount, given.nextNumber().count);
    return this.#peers.delete(given.address);
  }

  #isOurs(ip: string): boolean {
    // A listener of both address families shows IPv4 peers as IPv6 ones.
    const name = this.#named.size === 0 ? undefined : addressName(ip);
    const untilMs = name === undefined ? undefined : this.#named.get(name);
    return (untilMs !== undefined && this.#options.timers.now() < untilMs) || this.#options.networks.contains(ip);
  }
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
