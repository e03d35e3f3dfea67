// One other replica: a pool of connections to it, whether it lives, and what it is called as a process. Nobody waits long
// for a dead one: connecting is bounded in a second, what was found dead is not asked again for a while, and as long as
// anything is under way there it is asked every second whether it still is. While it does not answer, nothing new is sent
// there (docs/behaviour.md R1, R3).
import { Buffer } from "node:buffer";
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import type { ByteAccount } from "../http1/byte_account.ts";
import { Pool } from "../http1/client/pool.ts";
import { connectEndpoint } from "../http1/client/pool_connect.ts";
import { DEFAULT_POOL_LIMITS, type PoolOptions } from "../http1/client/pool_options.ts";
import {
  type Call,
  type ClientRequest,
  type ClientResponse,
  type FieldList,
  HttpError,
  newMadeHead,
} from "../http1/types.ts";
import { parseEndpoint } from "../http1/wire/endpoint.ts";
import { fieldValue } from "../http1/wire/fields.ts";
import { DEFAULT_HEAD_LIMITS } from "../http1/wire/fields_parse.ts";
import { OwnedTimer, Pause, type Timers } from "../platform/timers.ts";
import {
  HOP_ALLOWANCE,
  HOP_FIELD,
  HOP_PROOF_FIELD,
  HopHead,
  type HopMessage,
  proveQuestion,
  readAnswer,
} from "./hop_proof.ts";
import type { Place } from "./places.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import { leftOf } from "../platform/time_of_day.ts";

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

/** The head of what is passed on. */
export interface PassedHead {
  readonly method: string;
  readonly target: string;
  /** End-to-end fields as they came, with `host`, without the session's id. */
  readonly fields: FieldList;
  /** The client's address. */
  readonly client: string;
}

/** Requests with one head, as they are passed on to the process that a peer is. */
export interface Passage {
  readonly hop: HopHead;
  readonly request: Pick<ClientRequest, "method" | "target" | "fields" | "made">;
}

/** What differs from one to the next. */
export interface Passed {
  readonly body: ClientRequest["body"];
  /** Its number is {@link Peer.nextCount}. */
  readonly message: HopMessage;
}

const CONNECT_TIMEOUT_MS = 1000;
const QUESTION_TIMEOUT_MS = 1000;
/** How often one that is on its way out is asked whether it has gone. */
const LOOK_EVERY_MS = 200;
/** How often one with something under way is asked whether it lives, and how many silences in a row say that it does not. */
const ASK_EVERY_MS = 1000;
const SILENCES = 3;
/** The same where its port is closed: who dies takes his connections with him, so that this is for broken networks. */
const REFUSALS = 60;
/**
 * So long it is taken for who it has proven to be. An address changes hands: whoever has it next must not be sent the
 * credentials that a hop carries.
 */
const PROVEN_MS = 10_000;
/** Why it is not taken for a replica. */
const UNANSWERED = `no answer within ${QUESTION_TIMEOUT_MS} ms`;
const STRANGER = "who answers there proves to hold no key of the ring, under that address";
/** Before it closes its port nothing new is sent there, in ms. */
const CLOSING_MS = 150;
/** It is not tried again for so long after it was found dead, and then for longer each time. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/** Whoever waits for a peer. */
type Followed = Pick<Call, "abort">;

/** What is known of a peer: `unknown` until it has answered or not, and between two processes at its address. */
export type PeerState = "up" | "dead" | "unknown";

/** How a question ended: nobody listens there, or nobody answers who is one of us. */
export type Liveness = "lives" | "silent" | "refused";

export class Peer {
  readonly address: string;
  /** Of its IP address. */
  readonly place: Place;
  /** What is passed on; see {@link Peer.#connectTo}. */
  readonly pool: Pool;
  /** Questions go over connections of their own, since those of the pool wait for their answers. */
  readonly #questions: Pool;
  readonly #options: PeerOptions;
  readonly #host: string;
  /** Requests that were passed on to it, and those taken from it. */
  passed = 0;
  received = 0;
  /** Since when it is known to live, or to be dead, or has not been heard; ms since the epoch. */
  sinceMs: number;
  /** Why it is dead, or the last question was in vain. */
  why = "";
  #found: "up" | "dead" | undefined = undefined;
  readonly #underWay = new Set<Followed>();
  #instance: string | undefined = undefined;
  /** The key it has proven itself with. */
  #key: MasterKey | undefined = undefined;
  #count: number;
  #provenUntilMs = 0;
  /** Whether the last question was in vain. What is sent into a silence may be lost in it, and nobody could tell. */
  #isSilent = false;
  #deaths = 0;
  #tryAgainAtMs = 0;
  #asking: Promise<Liveness> | undefined = undefined;
  #going: Promise<void> | undefined = undefined;
  #silences = 0;
  #refusals = 0;
  /** When it has said that it closes its port, and a little before. */
  #leavesAtMs = Infinity;
  readonly #nextQuestion: OwnedTimer;
  readonly #untilLook: Pause;
  #looking: Promise<void> | undefined = undefined;
  #closed = false;

  /** @throws TypeError for what is no address */
  constructor(options: PeerOptions) {
    this.address = options.address;
    this.#options = options;
    this.#count = options.firstCount;
    this.sinceMs = options.timers.now();
    this.place = options.place;
    this.#nextQuestion = new OwnedTimer(options.timers);
    this.#untilLook = new Pause(options.timers);
    const { endpoint, authority } = parseEndpoint(options.address);
    this.#host = authority;
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
    this.#questions = new Pool(trusting, pooling);
    this.pool = new Pool(trusting, { ...pooling, connect: (...given) => this.#connectTo(...given) });
  }

  /**
   * A port is anybody's as soon as who listened there has ended, and the pool opens connections by itself, also for what
   * met that end: before each, who listens proves himself anew. @throws HttpError `connect_failed`
   */
  async #connectTo(...given: Parameters<typeof connectEndpoint>): ReturnType<typeof connectEndpoint> {
    if (await this.answers()) return await connectEndpoint(...given);
    throw new HttpError("connect_failed", `connecting to another replica: ${this.why}`, { unsent: true });
  }

  /** Whether it was found dead, so recently that it is not tried again. */
  get isDead(): boolean {
    return this.#deaths > 0 && leftOf(LONGEST_PAUSE_MS, this.#tryAgainAtMs, this.#options.timers.now()) > 0;
  }

  get state(): PeerState {
    if (this.#found === "dead") return "dead";
    return this.#instance === undefined ? "unknown" : "up";
  }

  /** Requests passed on that are not done. */
  get underWay(): number {
    return this.#underWay.size;
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
    this.noteDead(this.why);
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
    let found = await this.ask();
    for (let asked = 1; found === "silent" && asked < SILENCES && !this.#closed; asked++) found = await this.ask();
    return found === "lives";
  }

  /** Whether it has said who it is, not long ago, and not fallen silent since. */
  get #isProven(): boolean {
    const leftMs = leftOf(PROVEN_MS, this.#provenUntilMs, this.#options.timers.now());
    return this.#instance !== undefined && !this.#isSilent && leftMs > 0;
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
  passageOf({ method, target, fields, client }: PassedHead): Passage {
    const { sender, from, ring } = this.#options;
    const key = this.#key ?? ring().active;
    const origin = { instance: this.#instance ?? sender, sender, from, client };
    const hop = new HopHead(key, origin, { to: this.address, method, target, fields });
    const sent = [...fields, HOP_FIELD, hop.field];
    return { hop, request: { method, target, fields: sent, made: newMadeHead(true) } };
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
  send({ hop, request }: Passage, { body, message }: Passed): Call {
    const { sessionId } = message;
    const proof = [HOP_PROOF_FIELD, hop.prove(message)];
    const changing = sessionId === undefined ? proof : [SESSION_ID_FIELD, sessionId, ...proof];
    const sent = body === undefined ? { ...request, changing } : { ...request, changing, body };
    const call: Call = this.pool.sendFor(sent, (response) => new PeerAnswer(response, () => this.forget(call)));
    this.passed++;
    this.follow(call);
    return call;
  }

  /** As long as it is followed the replica is asked every second whether it lives; if it falls silent, it is aborted. */
  follow(call: Followed): void {
    this.#underWay.add(call);
    this.#watch();
  }

  /** Nobody waits for it any more. Again: nothing. */
  forget(call: Followed): void {
    this.#underWay.delete(call);
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

  /** It is another process than the one that answered before: whatever that one knew is gone. */
  forgetProcess(): void {
    this.#instance = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#nextQuestion.close();
    this.#untilLook.close();
    this.#underWay.clear();
    this.pool.close();
    this.#questions.close();
  }

  async #askOnce(): Promise<Liveness> {
    const found = await this.#askWithEachKey();
    this.#isSilent = found === "silent";
    return found;
  }

  async #askWithEachKey(): Promise<Liveness> {
    // The key that seals first: during a rotation the other side may know an older one only.
    for (const key of this.#options.ring().keys) {
      const found = await this.#askWith(key);
      if (typeof found === "string") {
        if (found === "unknown") continue;
        return found;
      }
      if (found.instance !== this.#instance) this.#leavesAtMs = Infinity;
      this.#instance = found.instance;
      this.#provenUntilMs = this.#options.timers.now() + PROVEN_MS;
      this.#key = key;
      this.#deaths = 0;
      this.why = "";
      this.#find("up");
      return "lives";
    }
    this.why = STRANGER;
    return "silent";
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

  async #askWith(key: MasterKey): Promise<{ readonly instance: string } | "unknown" | "silent" | "refused"> {
    const { random, path, timers } = this.#options;
    const challenge = Buffer.from(random(16)).toString("base64url");
    const asked = { to: this.address, challenge };
    const fields = ["host", this.#host, HOP_FIELD, proveQuestion(key, asked)];
    const call = this.#questions.send({ method: "GET", target: path, fields });
    const cancel = timers.after(QUESTION_TIMEOUT_MS, () => call.abort());
    try {
      const response = await call.response;
      try {
        response.body.takeBuffered();
        const instance = readAnswer(key, answerOf(response) ?? "", asked);
        return instance === undefined ? "unknown" : { instance };
      } finally {
        response.release();
      }
    } catch (error) {
      const fault = error instanceof HttpError ? error : undefined;
      this.why = fault === undefined || fault.code === "aborted" ? UNANSWERED : fault.message;
      return fault?.code === "connect_failed" ? "refused" : "silent";
    } finally {
      cancel();
    }
  }

  #watch(): void {
    if (this.#nextQuestion.isSet || this.#looking !== undefined) return;
    this.#nextQuestion.set(ASK_EVERY_MS, () => {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        if (this.#underWay.size > 0) this.#watch();
      });
    });
  }

  /** One silence may be a busy moment; another process than before has nothing under way of what that one had. */
  async #look(): Promise<void> {
    if (this.#underWay.size === 0) return;
    const before = this.#instance;
    const found = await this.ask();
    if (found === "lives" && (before === undefined || before === this.#instance)) {
      this.#silences = this.#refusals = 0;
      return;
    }
    if (found !== "silent") {
      // It has closed its port, or another has taken it: what it has still to answer it answers, if it lives.
      if (found === "refused") this.noteDead(this.why);
      if (++this.#refusals < REFUSALS) return;
    } else if (++this.#silences < SILENCES) return;
    this.#silences = this.#refusals = 0;
    this.noteDead(this.why);
    const left = [...this.#underWay];
    this.#underWay.clear();
    for (const call of left) call.abort();
  }
}

/** An answer whose call is followed until it is released. */
class PeerAnswer implements ClientResponse {
  readonly head: ClientResponse["head"];
  readonly body: ClientResponse["body"];
  readonly #response: ClientResponse;
  readonly #onReleased: () => void;

  constructor(response: ClientResponse, onReleased: () => void) {
    this.head = response.head;
    this.body = response.body;
    this.#response = response;
    this.#onReleased = onReleased;
  }

  release(): void {
    this.#onReleased();
    this.#response.release();
  }
}

function answerOf({ head }: ClientResponse): string | undefined {
  return fieldValue(head.fields, HOP_FIELD);
}
