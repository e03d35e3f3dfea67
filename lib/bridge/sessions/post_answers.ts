// The answers to a session's POSTs that are still to come, and the streams that some of them have become, for clients that
// come back to one (docs/behaviour.md N1, N3). Who reads nothing of his does not keep the others waiting for long.
import { SameDelay } from "../../platform/time/timers.ts";
import type { Acceptance } from "../answers/acceptance.ts";
import type { EventLog } from "../answers/event_log.ts";
import { EventStream } from "../answers/event_stream.ts";
import { HeldAnswers } from "../answers/held_answers.ts";
import { Outbox } from "../answers/outbox.ts";
import { PostAnswer } from "../answers/post_answer.ts";
import { type BridgeParts, outboxOptions } from "../limits.ts";
import type { OpenCalls } from "./open_calls.ts";

export interface PostAnswersOptions {
  readonly parts: BridgeParts;
  readonly events: EventLog;
  readonly calls: OpenCalls;
  /** One has been given. */
  readonly onDone: () => void;
}

/** What is known of a POST that is to be answered. */
export interface Answering {
  readonly accepts: Acceptance;
  /** Requests in it. */
  readonly expected: number;
  readonly isBatch: boolean;
  /** Whether the client survives priming events. */
  readonly primes: boolean;
}

/** As long has who reads nothing of his call's stream while others of the session wait for theirs, in ms. */
const SIBLING_STALL_MS = 5000;
/** Of a call's id in its events' ids, in bytes. */
const LONGEST_CALL_ID = 64;

export class PostAnswers {
  readonly #options: PostAnswersOptions;
  readonly #held: HeldAnswers;
  readonly #patience: SameDelay;
  /** Oldest first. */
  readonly #open = new Set<PostAnswer>();
  /** By the streams' numbers. */
  readonly #streams = new Map<number, EventStream>();

  constructor(options: PostAnswersOptions) {
    const { parts } = options;
    this.#options = options;
    this.#held = new HeldAnswers(outboxOptions(parts));
    this.#patience = new SameDelay(parts.timers, parts.limits.streamAfterMs);
  }

  /** Those not given yet, oldest first. */
  get open(): ReadonlySet<PostAnswer> {
    return this.#open;
  }

  begin({ accepts, expected, isBatch, primes }: Answering): PostAnswer {
    const { events, onDone } = this.#options;
    let stream: EventStream | undefined;
    const answer: PostAnswer = new PostAnswer({
      accepts,
      expected,
      batch: isBatch,
      primes,
      patience: this.#patience,
      newStream: () => {
        stream = new EventStream(events, undefined, isBatch ? undefined : this.#callOf(answer));
        this.#streams.set(stream.number, stream);
        return stream;
      },
      newOutbox: () => this.#newOutbox(),
      held: this.#held,
      onDone: () => {
        this.#open.delete(answer);
        if (stream !== undefined) this.#streams.delete(stream.number);
        onDone();
      },
    });
    this.#open.add(answer);
    return answer;
  }

  /** Others than this one have less time from now on to read what they get. */
  hurryOthers(answer: PostAnswer): void {
    if (this.#streams.size === 0) return;
    for (const post of this.#open) {
      if (post !== answer) post.hurry(SIBLING_STALL_MS);
    }
  }

  /** The stream of a POST that is not answered yet. */
  streamAt(number: number): EventStream | undefined {
    return this.#streams.get(number);
  }

  /** No answer becomes a stream any more. */
  close(): void {
    this.#patience.close();
  }

  endStreams(): void {
    for (const stream of this.#streams.values()) stream.end();
  }

  /** The id of the one call of a POST, for the ids of its events; of a long one none is made. */
  #callOf(answer: PostAnswer): string | undefined {
    const id = this.#options.calls.ofAnswer(answer)?.id;
    return id === undefined || id.length > LONGEST_CALL_ID ? undefined : id.toHex();
  }

  /** While other calls of the session are open, its reader may hold the peer back for less long. */
  #newOutbox(): Outbox {
    const options = outboxOptions(this.#options.parts);
    const { calls } = this.#options;
    return new Outbox({
      ...options,
      get stallMs() {
        return calls.size > 1 ? Math.min(options.stallMs, SIBLING_STALL_MS) : options.stallMs;
      },
    });
  }
}
