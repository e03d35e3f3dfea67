// A request of a client of HTTP+SSE (2024-11-05) as one of Streamable HTTP, made here and taken down the same path as any
// other; its answer comes apart into messages for the client's one stream. What is held of it is bounded and charged.
import type { ByteAccount, Charge } from "../../http1/byte_account.ts";
import {
  type BodyReader,
  type BodyWriter,
  type Exchange,
  type ExchangeWatcher,
  HttpError,
  type RequestHead,
  type ResponseStart,
  type ServerConnection,
} from "../../http1/types.ts";
import { isEventStream, isJson } from "../../http1/wire/fields/media_type.ts";
import { type Bytes, inspectBytes, ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { type SseEvent, SseParser } from "../../mcp/events/sse.ts";
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";
import { type Decoding, decodingOf } from "../../upstream/http/decoded.ts";

/** Who hears what comes of it. */
export interface InnerListener {
  /** The answer has begun; its body is with it where it came whole. */
  onHead(start: ResponseStart, whole: Uint8Array | undefined): void;
  /** A message, and the event it came with. Resolves when the client's stream took it. */
  onMessage(text: Uint8Array, event: SseEvent | undefined): Promise<void>;
  /** What kept it from coming, for the log. Must not throw. */
  onFault(cause: unknown): void;
}

export interface InnerOptions {
  readonly head: RequestHead;
  readonly body: BodyReader;
  readonly connection: ServerConnection;
  readonly listener: InnerListener;
  /** What is held of the answer is charged to it. */
  readonly account: ByteAccount;
}

/** Of one message, in bytes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const encoder = new TextEncoder();

export class InnerExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: BodyReader;
  readonly connection: ServerConnection;
  watcher: ExchangeWatcher | undefined = undefined;
  aborted = false;
  started = false;
  status = 0;
  bodySent = 0;
  /** Its answer has broken off. */
  isCut = false;
  readonly #listener: InnerListener;
  readonly #charge: Charge;
  #decoding: Decoding | undefined;

  constructor({ head, body, connection, listener, account }: InnerOptions) {
    this.head = head;
    this.body = body;
    this.connection = connection;
    this.#listener = listener;
    this.#charge = account.open();
  }

  /** The client has left its stream. Again: nothing. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.watcher?.onClientGone();
  }

  /** Nothing of the answer is held any more. */
  release(): void {
    this.#decoding?.close();
    this.#charge.release();
  }

  async respond(start: ResponseStart, body?: Bytes): Promise<void> {
    const whole = body === undefined || body.length === 0 ? undefined : ownBytes(body);
    this.#begin(start, whole);
    if (whole === undefined) return;
    this.bodySent = whole.length;
    await this.#held(() => this.#reader(start.fields)?.end(whole));
  }

  async begin(start: ResponseStart, _length: number, first?: Bytes): Promise<BodyWriter> {
    this.#begin(start, undefined);
    let reader: MessageReader | undefined;
    await this.#held(() => void (reader = this.#reader(start.fields)));
    const write = async (bytes: Bytes) => {
      this.bodySent += bytes.length;
      await this.#held(() => reader?.add(bytes));
    };
    const writer = {
      write,
      end: async (last?: Bytes) => {
        if (last !== undefined) await write(last);
        await this.#held(() => reader?.end());
      },
      abort: () => void (this.isCut = true),
    };
    if (first !== undefined) await write(first);
    return writer;
  }

  fail(cause: unknown): void {
    this.#listener.onFault(cause);
    this.abort();
  }

  /** As an exchange has to be: what fails is told of, and is an answer nobody waits for any more. */
  async #held(take: () => Promise<void> | void): Promise<void> {
    if (this.aborted) return;
    try {
      await take();
    } catch (cause) {
      this.fail(cause);
    }
  }

  #begin(start: ResponseStart, whole: Uint8Array | undefined): void {
    this.started = true;
    this.status = start.status;
    this.#listener.onHead(start, whole);
  }

  /** Undefined where an answer holds no message. @throws DecodingError */
  #reader(fields: ResponseStart["fields"]): MessageReader | undefined {
    const isEvents = isEventStream(fields);
    if (!isEvents && !isJson(fields)) return undefined;
    const reader = isEvents
      ? new EventReader(this.#listener, this.#charge)
      : new JsonReader(this.#listener, this.#charge);
    // It was asked for uncoded, but what stands between here and the server does as it likes (P6).
    this.#decoding = decodingOf(fields);
    return this.#decoding === undefined ? reader : new CodedReader(this.#decoding, reader);
  }
}

/** Takes a body apart into messages. */
interface MessageReader {
  /** @throws HttpError `no_room`; SignetError `upstream_invalid` for one that is too long */
  add(bytes: Bytes): Promise<void>;
  end(last?: Uint8Array): Promise<void>;
}

function hold(charge: Charge, bytes: number): void {
  if (bytes <= MAX_MESSAGE_BYTES && charge.resize(bytes)) return;
  throw new HttpError("no_room", "gathering an answer for an event stream: there is no room for it");
}

class EventReader implements MessageReader {
  readonly #parser = new SseParser({ maxEventBytes: MAX_MESSAGE_BYTES });
  readonly #listener: InnerListener;
  readonly #charge: Charge;

  constructor(listener: InnerListener, charge: Charge) {
    this.#listener = listener;
    this.#charge = charge;
  }

  async add(bytes: Bytes): Promise<void> {
    const events = inspectBytes(bytes, (view) => this.#parser.push(view), undefined);
    hold(this.#charge, this.#parser.pendingBytes);
    for (const event of events) {
      if (event.event !== "message") continue;
      // An event without data only says where the stream stands.
      await this.#listener.onMessage(encoder.encode(event.data ?? ""), event);
    }
  }

  async end(last?: Uint8Array): Promise<void> {
    if (last !== undefined) await this.add(last);
  }
}

class JsonReader implements MessageReader {
  readonly #gathered = new GatheredBytes();
  readonly #listener: InnerListener;
  readonly #charge: Charge;

  constructor(listener: InnerListener, charge: Charge) {
    this.#listener = listener;
    this.#charge = charge;
  }

  add(bytes: Bytes): Promise<void> {
    hold(this.#charge, this.#gathered.size + bytes.length);
    this.#gathered.add(ownBytes(bytes));
    return Promise.resolve();
  }

  async end(last?: Uint8Array): Promise<void> {
    const text = last ?? this.#gathered.take();
    if (text.length > 0) await this.#listener.onMessage(text, undefined);
  }
}

class CodedReader implements MessageReader {
  readonly #decoding: Decoding;
  readonly #plain: MessageReader;

  constructor(decoding: Decoding, plain: MessageReader) {
    this.#decoding = decoding;
    this.#plain = plain;
  }

  async add(bytes: Bytes): Promise<void> {
    for (const piece of await this.#decoding.push(ownBytes(bytes))) await this.#plain.add(piece);
  }

  async end(last?: Uint8Array): Promise<void> {
    if (last !== undefined) await this.add(last);
    for (const piece of await this.#decoding.end()) await this.#plain.add(piece);
    await this.#plain.end();
  }
}
