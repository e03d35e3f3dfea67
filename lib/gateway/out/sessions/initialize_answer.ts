// Reads the upstream's answer to an initialize far enough to know whether it succeeded: only then may a session id be
// issued (docs/protocol.md 1). The answer may be JSON or an event stream, as the upstream chooses (docs/protocol.md
// 11).
import { SignetError } from "../../../errors.ts";
import type { ByteAccount, Charge } from "../../../http1/byte_account.ts";
import { OtherAnswer } from "../../../http1/other_answer.ts";
import { type BodyReader, type ClientResponse, HttpError } from "../../../http1/types.ts";
import { isEventStream, isJson } from "../../../http1/wire/fields/media_type.ts";
import { ownBytes } from "../../../http1/wire/streams/borrowed.ts";
import { isRevisionText } from "../../../mcp/eras/revisions.ts";
import { SseParser } from "../../../mcp/events/sse.ts";
import { withoutMark } from "../../../mcp/json/byte_order_mark.ts";
import type { RpcId, RpcResponse } from "../../../mcp/messages/json_rpc.ts";
import { parseMessage } from "../../../mcp/messages/read_message.ts";
import { isJsonObject } from "../../../platform/json.ts";
import { GatheredBytes } from "../../../platform/memory/gathered_bytes.ts";
import { Patience, settlesWithin, SYSTEM_TIMERS } from "../../../platform/time/timers.ts";
import { decoded, DecodingError } from "../../../upstream/http/decoded.ts";
import { ResumedBody } from "../../../upstream/http/resumed_body.ts";

export interface InitializeAnswer {
  /**
   * The answer to be passed on, from its beginning and without its content coding. Released in place of the one read.
   */
  readonly response: ClientResponse;
  /** The negotiated revision; undefined if the upstream answered with an error. */
  readonly protocolVersion: string | undefined;
  /** The error's code. */
  readonly errorCode: number | undefined;
}

/** Of the answer as it comes, and of what it holds. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** So small an answer finds room, whatever waits: it must go out, and there are no more of them than calls. */
const SMALL_BYTES = 64 * 1024;
/** A client has given up long before; an answer must not be waited for without end (P6). */
const READ_TIMEOUT_MS = 120_000;
const MAX_DEPTH = 128;

function unreadable(found: string): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { found: `initialize was answered with ${found}` },
    remedy: "The upstream must answer initialize with a JSON-RPC response, as JSON or as an event stream: " +
      "see whether --upstream, its path above all, leads to the MCP server.",
  });
}

/** The response to `id` in a message or batch, taken as SDK clients take it: an id may come back as another type. */
function readResponse(bytes: Uint8Array, id: RpcId): RpcResponse | undefined {
  const parsed = parseMessage(withoutMark(bytes), { maxDepth: MAX_DEPTH });
  return (parsed.kind === "batch" ? parsed.messages : [parsed]).find((message) =>
    message.kind === "response" && (String(message.id) === String(id) || message.error !== undefined)
  ) as RpcResponse | undefined;
}

/** The same of an event: one that is none of it is passed over, as clients do. */
function readEvent(data: Uint8Array, id: RpcId): RpcResponse | undefined {
  try {
    return readResponse(data, id);
  } catch {
    return undefined;
  }
}

/** What was read of an answer: all of a JSON body, or an event stream up to and including the response. */
interface Read {
  readonly bytes: Uint8Array;
  readonly protocolVersion: string | undefined;
  readonly errorCode: number | undefined;
}

function asRead(bytes: Uint8Array, response: RpcResponse): Read {
  if (response.result === undefined) return { bytes, protocolVersion: undefined, errorCode: response.error?.code };
  const { protocolVersion, capabilities } = response.result;
  if (typeof protocolVersion !== "string" || !isJsonObject(capabilities)) {
    throw unreadable("a result without protocolVersion and capabilities");
  }
  // It will stand in a header field, and in the session's id.
  if (!isRevisionText(protocolVersion)) throw unreadable("a protocolVersion that no header field could hold");
  return { bytes, protocolVersion, errorCode: undefined };
}

/** Reads pieces until `take` has what it wants. */
class AnswerReader {
  readonly #body: BodyReader;
  readonly #charge: Charge;
  readonly #gathered = new GatheredBytes();
  readonly #patience = new Patience(READ_TIMEOUT_MS, SYSTEM_TIMERS);

  constructor(body: BodyReader, charge: Charge) {
    this.#body = body;
    this.#charge = charge;
  }

  /** All that has come. */
  take(): Uint8Array {
    return this.#gathered.take();
  }

  /** The next piece; undefined at the end. @throws SignetError `upstream_invalid`; HttpError */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#body.done) return undefined;
    const reading = this.#body.read();
    if (!await settlesWithin(reading, this.#patience.leftMs, SYSTEM_TIMERS)) {
      reading.catch(() => {});
      throw new HttpError(
        "upstream_timeout",
        `reading an answer to initialize: found no end of it within ${READ_TIMEOUT_MS} ms`,
      );
    }
    const lent = await reading;
    if (lent === null) return undefined;
    const piece = ownBytes(lent);
    const size = this.#gathered.size + piece.length;
    if (size > MAX_ANSWER_BYTES) throw unreadable("more than 4 MiB");
    if (size <= SMALL_BYTES) this.#charge.force(size);
    else if (!this.#charge.resize(size)) {
      throw new HttpError("no_room", `reading an answer to initialize: no room for ${size} bytes of it`);
    }
    this.#gathered.add(piece);
    return piece;
  }
}

async function readJson(reader: AnswerReader, id: RpcId): Promise<Read> {
  while (await reader.next() !== undefined);
  const bytes = reader.take();
  const message = readResponse(bytes, id);
  if (message === undefined) throw unreadable("a message that is not its response");
  return asRead(bytes, message);
}

async function readEvents(reader: AnswerReader, id: RpcId): Promise<Read> {
  const parser = new SseParser({ maxEventBytes: MAX_ANSWER_BYTES });
  const encoder = new TextEncoder();
  for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
    for (const event of parser.push(piece)) {
      if (event.event !== "message" || !event.data) continue;
      const message = readEvent(encoder.encode(event.data), id);
      if (message !== undefined) return asRead(reader.take(), message);
    }
  }
  throw unreadable("an event stream that ended before its response");
}

export interface InitializeReading {
  /** Of the request that is answered. */
  readonly id: RpcId;
  /** Its caller's share: what has been read is charged to it until the answer is released. */
  readonly account: ByteAccount;
}

/**
 * Reads the answer to an initialize request from a response with a status of success.
 * @throws SignetError `upstream_invalid`; HttpError `upstream_*`, `no_room`
 */
export async function readInitializeAnswer(
  given: ClientResponse,
  { id, account }: InitializeReading,
): Promise<InitializeAnswer> {
  const { fields } = given.head;
  const comesWhole = isJson(fields);
  if (!comesWhole && !isEventStream(fields)) {
    throw unreadable(`status ${given.head.status} and neither JSON nor events`);
  }
  let response = given;
  const charge = account.open();
  try {
    response = decoded(given);
    const reader = new AnswerReader(response.body, charge);
    const { bytes, ...read } = comesWhole ? await readJson(reader, id) : await readEvents(reader, id);
    const body = new ResumedBody(response.body, { prefix: bytes });
    return { response: new OtherAnswer(response, { body, onRelease: () => charge.release() }), ...read };
  } catch (error) {
    charge.release();
    if (response !== given) response.release();
    if (error instanceof DecodingError) throw unreadable(error.message);
    if (error instanceof SignetError && error.code !== "upstream_invalid") {
      throw unreadable("a body that is not JSON-RPC");
    }
    throw error;
  }
}
