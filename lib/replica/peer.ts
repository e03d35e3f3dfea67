// One other replica: a pool of connections to it, whether it lives, and what it is called as a process. Nobody waits long
// for a dead one: connecting is bounded in a second, and what was found dead is not asked again for a while. While it does
// not answer, nothing new is sent there (docs/behaviour.md R1, R3).
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import type { ByteAccount } from "../http1/byte_account.ts";
import { Pool } from "../http1/client/pool.ts";
import { PoolCall } from "../http1/client/pool_call.ts";
import { connectEndpoint } from "../http1/client/pool_connect.ts";
import { DEFAULT_POOL_LIMITS, type PoolOptions } from "../http1/client/pool_options.ts";
import { type Call, type ClientRequest, type ClientResponse, HttpError } from "../http1/types.ts";
import { parseEndpoint } from "../http1/wire/endpoint.ts";
import { DEFAULT_HEAD_LIMITS } from "../http1/wire/fields/fields_parse.ts";
import { leftOf } from "../platform/time/time_of_day.ts";
import { Pause, type Timers } from "../platform/time/timers.ts";
import { HOP_ALLOWANCE } from "./hop_proof.ts";
import { type Passage, passageTo, type Passed, type PassedHead, requestOf } from "./passage.ts";
import { type AskedPeer, type Followed, type Liveness, PeerCalls, SILENCES } from "./peer_calls.ts";
import { type FoundProcess, PeerQuestions } from "./peer_questions.ts";
import type { Place } from "./places.ts";

export interface PeerOptions {
  /** `http://10.0.0.7:8080`: where it listens, as it says itself. */
  readonly address: string;
  readonly place: Place;
  /** Path of the endpoint, the same on all replicas. */
  readonly path: string;
  /** What this process is called, and the address that it goes by. */
  readonly sender: string;
  readonly from: string;
  /** Number of the first request that is passed on there. */
  readonly firstCount: number;
  readonly ring: () => KeyRing;
  readonly random: (n: number) => Uint8Array;
  readonly timers: Timers;
  readonly account?: ByteAccount;
  readonly caCerts?: readonly string[] | undefined;
  /** It was found dead, or to live again; `wasForMs` what it was before. */
  readonly onFound?: (peer: Peer, wasForMs: number) => void;
}

const CONNECT_TIMEOUT_MS = 1000;
/** How often one that is on its way out is asked whether it has gone. */
const LOOK_EVERY_MS = 200;
/**
 * So long it is taken for who it has proven to be. An address changes hands: whoever has it next must not be sent the
 * credentials that a hop carries.
 */
const PROVEN_MS = 10_000;
/** Before it closes its port nothing new is sent there, in ms. */
const CLOSING_MS = 150;
/** It is not tried again for so long after it was found dead, and then for longer each time. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/** What is known of a peer: `unknown` until it has answered or not, and between two processes at its address. */
export type PeerState = "up" | "dead" | "unknown";

export class Peer implements AskedPeer {
  readonly address: string;
  /** Of its IP address. */
  readonly place: Place;
  /** What is passed on; see {@link Peer.#connectTo}. */
  readonly pool: Pool;
  readonly #questions: PeerQuestions;
  readonly #calls: PeerCalls;
  readonly #options: PeerOptions;
  /** Requests that were passed on to it, and those taken from it. */
  passed = 0;
  received = 0;
  /** Since when it is known to live, or to be dead, or has not been heard; ms since the epoch. */
  sinceMs: number;
  /** Why it is dead, or the last question was in vain. */
  why = "";
  #found: "up" | "dead" | undefined = undefined;
  #instance: string | undefined = undefined;
  /** The key it has proven itself with. */
  #key: MasterKey | undefined = undefined;
  /** The ring that the key is of. */
  #provenUnder: KeyRing | undefined = undefined;
  /** Whom the connections lead to that may be sent something, and the ring of the time. */
  #connectedTo: string | undefined = undefined;
  #connectedUnder: KeyRing | undefined = undefined;
  #count: number;
  #provenUntilMs = 0;
  /** Whether the last question was in vain. What is sent into a silence may be lost in it, and nobody could tell. */
  #isSilent = false;
  #deaths = 0;
  #tryAgainAtMs = 0;
  #asking: Promise<Liveness> | undefined = undefined;
  #going: Promise<void> | undefined = undefined;
  /** When it has said that it closes its port, and a little before. */
  #leavesAtMs = Infinity;
  readonly #untilLook: Pause;
  #closed = false;

  /** @throws TypeError for what is no address */
  constructor(options: PeerOptions) {
    this.address = options.address;
    this.#options = options;
    this.#count = options.firstCount;
    this.sinceMs = options.timers.now();
    this.place = options.place;
    this.#calls = new PeerCalls(this, options.timers);
    this.#untilLook = new Pause(options.timers);
    const { endpoint, authority } = parseEndpoint(options.address);
    const trusting = endpoint.transport === "tls" && options.caCerts !== undefined
      ? { ...endpoint, caCerts: options.caCerts }
      : endpoint;
    const pooling: PoolOptions = {
      limits: {
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        connectPatienceMs: 0,
        maxHeadBytes: DEFAULT_POOL_LIMITS.maxHeadBytes + HOP_ALLOWANCE.headBytes,
      },
      // What the home adds to its server's answer is no reason not to take it.
      headLimits: { maxFields: DEFAULT_HEAD_LIMITS.maxFields + HOP_ALLOWANCE.fields },
      ...(options.account === undefined ? {} : { account: options.account }),
    };
    this.#questions = new PeerQuestions(new Pool(trusting, pooling), { ...options, host: authority });
    this.pool = new Pool(trusting, { ...pooling, connect: (...given) => this.#connectTo(...given) });
  }

  /**
   * A port is anybody's as soon as who listened there has ended, and the pool opens connections by itself, also for what
   * met that end: before each, who listens proves himself anew. What waits for one was proven by the key, and meant for the
   * process, of before: where either is another, it is not sent, but proven anew (`isCurrent`).
   * @throws HttpError `connect_failed`
   */
  async #connectTo(...given: Parameters<typeof connectEndpoint>): ReturnType<typeof connectEndpoint> {
    const [key, instance] = [this.#key, this.#instance];
    const isMeant = () => key === this.#key && instance === this.#instance;
    for (let tries = 0; tries < SILENCES; tries++) {
      if (!await this.answers()) throw notConnected(this.why);
      if (!isMeant()) throw notConnected("who is there is another by now, or known by another key");
      const socket = await connectEndpoint(...given);
      if (isMeant() && this.#provenUnder === this.#options.ring()) return socket;
      socket.close();
    }
    throw notConnected("the ring is another each time");
  }

  /** Whether it was found dead, so recently that it is not tried again. */
  get isDead(): boolean {
    return this.#deaths > 0 && leftOf(LONGEST_PAUSE_MS, this.#tryAgainAtMs, this.#options.timers.now()) > 0;
  }

  get state(): PeerState {
    if (this.#found === "dead") return "dead";
    return this.#instance === undefined ? "unknown" : "up";
  }

  get instance(): string | undefined {
    return this.#instance;
  }

  /** Requests passed on that are not done. */
  get underWay(): number {
    return this.#calls.size;
  }

  /** Whether it can be passed something without asking. */
  get isReady(): boolean {
    return this.#isProven && (this.#leavesAtMs === Infinity || this.#options.timers.now() < this.#leavesAtMs);
  }

  /** Whether it can be passed anything: known already, or asked now, more than once if it is silent. Never rejects. */
  async isThere(): Promise<boolean> {
    if (this.#options.timers.now() >= this.#leavesAtMs) this.noteDead("it has left, as it said");
    // Who was known a while ago may be busy.
    const most = this.#instance === undefined ? 2 : SILENCES;
    for (let asked = 0; asked < most && !this.isDead; asked++) {
      if (this.#isProven) return true;
      if (await this.ask() === "refused") break;
    }
    if (this.#isProven) return true;
    this.noteUnanswered();
    return false;
  }

  /** The same, even if it was found dead a moment ago: there is word that it lives. Never rejects. */
  async isThereNow(): Promise<boolean> {
    this.#tryAgainAtMs = 0;
    return await this.isThere();
  }

  /**
   * Whether somebody proves to be it, whatever was found before: several questions, as who was known a moment ago may be busy.
   * Where nobody does, nobody else is kept waiting for it by that. Never rejects.
   */
  async answers(): Promise<boolean> {
    for (let asked = 0; asked < SILENCES && !this.#closed; asked++) {
      const found = await this.ask();
      if (found === "refused") return false;
      // Else he was asked under a ring that is another by now: what is sent there would go to whoever holds a key of that one.
      if (found === "lives" && this.#isProven) return true;
    }
    return false;
  }

  /** Whether it has said who it is, not long ago, and not fallen silent since. */
  get #isProven(): boolean {
    const leftMs = leftOf(PROVEN_MS, this.#provenUntilMs, this.#options.timers.now());
    // Under another ring it may be known by another key, and the one it was known by may be gone there.
    const isOfRing = this.#provenUnder === this.#options.ring();
    return this.#instance !== undefined && !this.#isSilent && leftMs > 0 && isOfRing;
  }

  /** Resolves when nobody is there any more. Never rejects. */
  isGone(): Promise<void> {
    return this.#going ??= this.#waitUntilGone().finally(() => this.#going = undefined);
  }

  async #waitUntilGone(): Promise<void> {
    while (!this.#closed && await this.ask() === "lives") await this.#untilLook.wait(LOOK_EVERY_MS);
    this.noteDead("it has left");
  }

  /** Asks who is there; one question at a time. Never rejects. */
  ask(): Promise<Liveness> {
    return this.#asking ??= this.#askOnce().finally(() => this.#asking = undefined);
  }

  /** For a request to be passed on: sent twice under one number, it is taken once. */
  nextCount(): number {
    return this.#count++;
  }

  /** How requests with that head are passed on to the process that is there now. */
  passageOf(head: PassedHead): Passage {
    const { sender, from, ring } = this.#options;
    const origin = { instance: this.#instance ?? sender, sender, from, client: head.client };
    return passageTo(this.address, head, { key: this.#key ?? ring().active, origin });
  }

  /** Whether it leads to the process that is there now, under the key that it knows. */
  isCurrent({ hop: { origin, key } }: Passage): boolean {
    return origin.instance === this.#instance && key === this.#key;
  }

  /** Whether the process it leads to is still there: then what was sent may be sent again. Never rejects. */
  async knows({ hop }: Passage): Promise<boolean> {
    return await this.ask() === "lives" && this.#instance === hop.origin.instance;
  }

  /** Passes a request on, and follows it until its answer is released. Whoever gets no answer forgets the call. */
  send(passage: Passage, passed: Passed): Call {
    const sent = requestOf(passage, passed);
    this.#keepTo(this.#options.ring(), this.#connectedTo);
    const call = new PassedCall(this, sent);
    this.pool.carry(call);
    this.passed++;
    this.follow(call);
    return call;
  }

  /**
   * Connections lead to whoever proved himself before they were opened: the process of that time, under the ring of that
   * time. Where either is another, nothing more is sent on them, as it would go to whoever has kept his end: a key may have
   * been withdrawn because somebody else has it. What is under way may end: he has it already, and what is cut cannot be
   * told from what was run (R8). Who does not prove himself under the ring is found dead in seconds, and then it is cut.
   */
  #keepTo(ring: KeyRing, instance: string | undefined): void {
    if (ring === this.#connectedUnder && instance === this.#connectedTo) return;
    this.#connectedUnder = ring;
    this.#connectedTo = instance;
    this.pool.retire();
  }

  /** As long as it is followed the replica is asked every second whether it lives; if it falls silent, it is aborted. */
  follow(call: Followed): void {
    this.#calls.add(call);
  }

  /** Nobody waits for it any more. Again: nothing. */
  forget(call: Followed): void {
    this.#calls.delete(call);
  }

  /** It closes its port so soon: what would meet it closing is not sent. */
  noteLeaving(inMs: number): void {
    this.#leavesAtMs = Math.min(this.#leavesAtMs, this.#options.timers.now() + inMs - CLOSING_MS);
  }

  /** It did not take what was sent to it, for a reason that is told. */
  noteDead(why: string): void {
    const { timers } = this.#options;
    this.#instance = undefined;
    this.#leavesAtMs = Infinity;
    this.why = why;
    this.#find("dead");
    if (this.isDead) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#deaths, 10));
    this.#deaths++;
    this.#tryAgainAtMs = timers.now() + pauseMs;
  }

  noteUnanswered(): void {
    this.noteDead(this.why);
  }

  /** It is another process than the one that answered before: whatever that one knew is gone. */
  forgetProcess(): void {
    this.#instance = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#calls.close();
    this.#untilLook.close();
    this.pool.close();
    this.#questions.close();
  }

  async #askOnce(): Promise<Liveness> {
    const ring = this.#options.ring();
    const found = await this.#questions.ask(ring);
    if ("instance" in found) return this.#noteAlive(found, ring);
    this.why = found.why;
    this.#isSilent = found.liveness === "silent";
    return found.liveness;
  }

  #noteAlive({ instance, key }: FoundProcess, ring: KeyRing): "lives" {
    if (instance !== this.#instance) this.#leavesAtMs = Infinity;
    this.#instance = instance;
    this.#key = key;
    this.#isSilent = false;
    this.#provenUntilMs = this.#options.timers.now() + PROVEN_MS;
    // Not the one that there is by now: a key of this one may be gone from it.
    this.#provenUnder = ring;
    this.#keepTo(ring, instance);
    this.#deaths = 0;
    this.why = "";
    this.#find("up");
    return "lives";
  }

  #find(found: "up" | "dead"): void {
    if (found === this.#found) return;
    const { timers, onFound } = this.#options;
    const isNews = found === "dead" || this.#found === "dead";
    const [nowMs, sinceMs] = [timers.now(), this.sinceMs];
    this.#found = found;
    this.sinceMs = nowMs;
    if (isNews) onFound?.(this, nowMs - sinceMs);
  }
}

/** Followed until its answer is released. */
class PassedCall extends PoolCall<ClientResponse> {
  readonly #peer: Peer;

  constructor(peer: Peer, request: ClientRequest) {
    super(peer.pool, request, request.body);
    this.#peer = peer;
  }

  override release(): void {
    this.#peer.forget(this);
    super.release();
  }
}

function notConnected(found: string): HttpError {
  return new HttpError("connect_failed", `connecting to another replica: ${found}`, { unsent: true });
}
