// The answer to one POST: JSON if nothing comes before the responses, else a stream of events (MCP 2025-11-25,
// Transports, "Sending Messages to the Server"). A call that takes long becomes a stream too, so that what stands between
// here and the client sees signs of life, and a client of a newer revision can resume it.
import type { SignetError } from "../../errors.ts";
import { type ClientResponse, HttpError } from "../../http1/types.ts";
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import type { SameDelay } from "../../platform/time/timers.ts";
import type { Acceptance } from "./acceptance.ts";
import type { MessageStream } from "./event_stream.ts";
import type { HeldAnswers } from "./held_answers.ts";
import { challengeAnswer, eventAnswer, jsonAnswer, type Refusal } from "./http_answer.ts";
import type { Outbox } from "./outbox.ts";

export interface PostAnswerOptions {
  readonly accepts: Acceptance;
  /** Requests in the body. */
  readonly expected: number;
  /** Whether the body was an array: then a JSON answer is one too. */
  readonly batch: boolean;
  /** Whether the client survives priming events. */
  readonly primes: boolean;
  /** A call without an answer becomes a stream after this; where it is over, never: whoever ends it ends the call, too. */
  readonly patience: SameDelay;
  readonly newStream: () => MessageStream;
  readonly newOutbox: () => Outbox;
  readonly held: HeldAnswers;
  /** Called once, when all its requests have been answered or refused. */
  readonly onDone: () => void;
  /** Called at most once, if the client leaves before. */
  readonly onAbandoned?: () => void;
}

export interface ResponseOptions {
  /** Of an answer in JSON. */
  readonly status?: number | undefined;
  /** What is kept for a client that is away, if the response is longer than what is kept. */
  readonly instead?: (() => Uint8Array) | undefined;
  /** See `http_answer.ts`. */
  readonly refusal?: Refusal | undefined;
}

/** Responses of a batch that wait for its others, in bytes. */
const MAX_KEPT_BYTES = 1024 * 1024;
/** Of a batch whose client takes no events: there is nothing but one answer. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/** Made once: a stack of its own would hold what its functions hold, the text of the call too, for as long as that is open. */
const CLIENT_LEFT = new HttpError("aborted", "answering a POST: the client has left");

const OPEN = Uint8Array.of(0x5b), COMMA = Uint8Array.of(0x2c), CLOSE = Uint8Array.of(0x5d);

export class PostAnswer {
  readonly #options: PostAnswerOptions;
  readonly #response = Promise.withResolvers<ClientResponse>();
  readonly #answers: Uint8Array[] = [];
  readonly #cancelTimer: (() => void) | undefined;
  #left: number;
  #keptBytes = 0;
  #status = 200;
  #refusal: Refusal | undefined;
  #release: (() => void) | undefined;
  #stream: MessageStream | undefined;
  #outbox: Outbox | undefined;
  #gone = false;
  #begun = false;

  constructor(options: PostAnswerOptions) {
    this.#options = options;
    this.#left = options.expected;
    this.#response.promise.catch(() => {});
    if (options.accepts.events) {
      this.#cancelTimer = options.patience.after(() => void this.#becomeStream());
    }
  }

  get response(): Promise<ClientResponse> {
    return this.#response.promise;
  }

  /** Whether a message sent before the responses reaches the client, now or when it resumes. */
  get canStream(): boolean {
    if (this.#left === 0) return false;
    return this.#stream !== undefined || (this.#options.accepts.events && !this.#begun && !this.#gone);
  }

  /** Whether its client reads events at all. */
  get takesEvents(): boolean {
    return this.#options.accepts.events;
  }

  /** Whether a client still waits. */
  get attended(): boolean {
    return this.#stream === undefined ? !this.#gone : this.#stream.attached;
  }

  /** A message that is no response. To be called only where {@link canStream}. */
  send(message: Uint8Array): Promise<void> | undefined {
    return this.#becomeStream().send(message);
  }

  /**
   * One of the responses.
   * @returns a promise where the sender should wait before it sends more
   */
  answer(response: Uint8Array, of: ResponseOptions = {}): Promise<void> | undefined {
    if (this.#left === 0) return undefined;
    this.#left--;
    this.#status = of.status ?? 200;
    this.#refusal = of.refusal;
    let wait: Promise<void> | undefined;
    if (this.#stream !== undefined || (!this.#gone && !this.#options.accepts.json)) {
      wait = this.#becomeStream().send(response, of.instead);
    } else this.#keep(response, of.instead);
    if (this.#left === 0) this.#finish();
    return wait ?? this.#options.held.whenTaken();
  }

  /**
   * Refuses the whole.
   * @returns false if its stream has begun: then each of its requests has to be answered there
   */
  refuse(error: unknown): boolean {
    if (this.#left === 0) return true;
    if (this.#stream !== undefined) return false;
    this.#left = 0;
    this.#begun = true;
    this.#cancelTimer?.();
    const challenge = challengeAnswer(error);
    if (challenge === undefined) this.#response.reject(error);
    else this.#response.resolve(challenge);
    this.#options.onDone();
    return true;
  }

  /** As `refuse`, where it is more than an error of JSON-RPC can say (`challengeAnswer`). @returns whether it was */
  challenge(refusal: SignetError | undefined): boolean {
    return refusal?.detail.refusedCredential !== undefined && this.#options.expected === 1 && this.refuse(refusal);
  }

  /** The client has left; the calls go on (C3), and a stream can be resumed. */
  abandon(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#release?.();
    this.#cancelTimer?.();
    this.#response.reject(CLIENT_LEFT);
    if (this.#left > 0) this.#options.onAbandoned?.();
    const outbox = this.#outbox;
    if (outbox === undefined) return;
    this.#stream?.detach(outbox);
    outbox.fail(CLIENT_LEFT);
    this.#outbox = undefined;
  }

  /** What waits for the rest of a batch is not kept without bound: it goes out as events from then on, if it can. */
  #keep(response: Uint8Array, instead: (() => Uint8Array) | undefined): void {
    if (this.#gone) return;
    const { accepts, batch } = this.#options;
    const tooMuch = batch && this.#keptBytes + response.length > (accepts.events ? MAX_KEPT_BYTES : MAX_BATCH_BYTES);
    const kept = tooMuch && !accepts.events ? instead?.() ?? response : response;
    this.#answers.push(kept);
    this.#keptBytes += kept.length;
    if (tooMuch && accepts.events) this.#becomeStream();
  }

  /** See `Outbox.hurry`. */
  hurry(ms: number): void {
    this.#outbox?.hurry(ms);
  }

  #finish(): void {
    this.#begun = true;
    this.#cancelTimer?.();
    if (this.#stream === undefined) this.#respondJson();
    else this.#stream.end();
    this.#options.onDone();
  }

  #respondJson(): void {
    const bytes = this.#options.batch
      ? joinBytes([OPEN, ...this.#answers.flatMap((answer, i) => i === 0 ? [answer] : [COMMA, answer]), CLOSE])
      : this.#answers[0]!;
    if (this.#gone) return;
    const release = this.#options.held.hold(bytes.length);
    this.#release = release;
    this.#response.resolve(jsonAnswer(bytes, { status: this.#status, onRelease: release, refusal: this.#refusal }));
  }

  #becomeStream(): MessageStream {
    if (this.#stream !== undefined) return this.#stream;
    this.#begun = true;
    this.#cancelTimer?.();
    const stream = this.#options.newStream();
    this.#stream = stream;
    if (this.#gone) return stream;
    const outbox = this.#options.newOutbox();
    this.#outbox = outbox;
    stream.attach(outbox);
    if (this.#options.primes) stream.prime();
    for (const answer of this.#answers.splice(0)) stream.send(answer);
    this.#response.resolve(eventAnswer(outbox, { onRelease: () => this.abandon() }));
    return stream;
  }
}
