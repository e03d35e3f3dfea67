// What is told live on the admin listener, as server-sent events over an answer that does not end. So many at once, and
// for each so much that waits: whoever reads too slowly misses events and is told how many; nobody is held up.
import { SignetError } from "../errors.ts";

/** Two operators with a page and a terminal each, and some more. */
const MOST_FEEDS = 16;
const MOST_WAITING = 512;
/** Characters that wait for one of them. */
const MOST_CHARACTERS = 256 * 1024;
/** So that whoever has left without a word is noticed, ms. */
const KEEP_ALIVE_MS = 15_000;

/** What a feed is fed with. */
export interface Feed {
  /** One event; its data is JSON. */
  push(value: unknown): void;
  /** No more come. */
  end(): void;
}

/** Begins to feed; answers how to stop. */
export type Subscribe = (feed: Feed) => () => void;

export class Feeds {
  readonly #open = new Set<OpenFeed>();

  get size(): number {
    return this.#open.size;
  }

  /** @throws SignetError `principal_limit` where as many watch already as may */
  open(subscribe: Subscribe): Response {
    if (this.#open.size >= MOST_FEEDS) {
      throw new SignetError("principal_limit", {
        publicMessage: "As many watch already as may",
        remedy: "Close a page or a terminal that watches.",
        retryAfterS: 1,
      });
    }
    const feed = new OpenFeed((done) => this.#open.delete(done));
    feed.start(subscribe);
    if (!feed.ended) this.#open.add(feed);
    const headers = {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    };
    return new Response(feed.stream, { headers });
  }

  closeAll(): void {
    for (const feed of this.#open) feed.end();
  }
}

const ENCODER = new TextEncoder();

class OpenFeed implements Feed {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #onDone: (feed: OpenFeed) => void;
  #waiting: string[] = [];
  #characters = 0;
  #missed = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  #stop: (() => void) | undefined;
  #keepAlive: ReturnType<typeof setInterval> | undefined;

  constructor(onDone: (feed: OpenFeed) => void) {
    this.#onDone = onDone;
    this.stream = new ReadableStream<Uint8Array>({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#finish(),
    }, { highWaterMark: 0 });
  }

  get ended(): boolean {
    return this.#ended;
  }

  start(subscribe: Subscribe): void {
    // The head goes out with it at once: whoever waits for it knows that he is heard.
    this.#add(": watching\n\n");
    const stop = subscribe(this);
    if (this.#ended) return stop();
    this.#stop = stop;
    this.#keepAlive = setInterval(() => this.#add(":\n\n"), KEEP_ALIVE_MS);
  }

  push(value: unknown): void {
    this.#add(`data: ${JSON.stringify(value)}\n\n`);
  }

  end(): void {
    this.#finish();
    this.#wake?.();
  }

  #add(text: string): void {
    if (this.#ended) return;
    const finds = this.#waiting.length < MOST_WAITING && this.#characters + text.length <= MOST_CHARACTERS;
    if (finds) {
      this.#waiting.push(text);
      this.#characters += text.length;
    } else this.#missed++;
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    const missed = this.#missed === 0 ? "" : `event: missed\ndata: ${this.#missed}\n\n`;
    const text = this.#waiting.join("") + missed;
    this.#waiting = [];
    this.#characters = 0;
    this.#missed = 0;
    if (text !== "") controller.enqueue(ENCODER.encode(text));
    else controller.close();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#keepAlive);
    this.#stop?.();
    this.#onDone(this);
    this.#wake?.();
  }
}
