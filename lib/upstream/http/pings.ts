// Asks a server itself whether it knows a session: a `ping` in it, which runs nothing (MCP, "Ping"; docs/behaviour.md
// L4). One at a time for a session, bounded in time, in bytes and in number, so that refusals cannot be made to
// multiply.
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Call, ClientRequest, ClientResponse, FieldList, Fields } from "../../http1/types.ts";
import { fieldValue, OF_THE_BYTES } from "../../http1/wire/fields/fields.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { SseParser } from "../../mcp/events/sse.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { askedId, isRefusal, meaningOf, type Refusal, speaksOfSession } from "../../mcp/lost_session.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { parseJson } from "../../platform/json.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { hear } from "./hear.ts";

const TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** So many at once, then one each second. */
const BURST = 10;
const REFILL_MS = 1000;
/** Sessions remembered for the bound. One that is forgotten may ask a few times more, once a refusal at most. */
const MAX_REMEMBERED = 10_000;

/** Fields that say something about the message they came with. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "content-type", "content-encoding", "last-event-id", "mcp-method", "mcp-name"],
  ...OF_THE_BYTES,
]);
const OF_A_PING = ["content-type", "application/json", "accept", "application/json, text/event-stream"];

const decoder = new TextDecoder();

interface Asked {
  asking: Promise<Refusal | undefined> | undefined;
  tokens: number;
  refilledAtMs: number;
}

/** The session, and the request whose refusal made one ask: its fields carry what the server wants to see. */
export interface PingWanted {
  readonly upstreamSessionId: UpstreamSessionId;
  readonly target: string;
  readonly fields: Fields;
}

export class Pings {
  readonly #send: (request: ClientRequest) => Call;
  readonly #timers: Timers;
  readonly #asked = new Map<UpstreamSessionId, Asked>();
  #sent = 0;

  constructor(send: (request: ClientRequest) => Call, timers: Timers) {
    this.#send = send;
    this.#timers = timers;
  }

  /** Sent since the start. */
  get sent(): number {
    return this.#sent;
  }

  /** Sessions remembered for the bound, for metrics. */
  get size(): number {
    return this.#asked.size;
  }

  /** How the server refuses a `ping` in the session; undefined if it answers, or nothing was learnt. Never rejects. */
  async refusal(wanted: PingWanted): Promise<Refusal | undefined> {
    const asked = this.#remember(wanted.upstreamSessionId);
    if (asked.asking !== undefined) return await asked.asking;
    if (!this.#takeToken(asked)) return undefined;
    asked.asking = this.#ask(wanted).catch((fault) => void tellIfOwn(fault)).finally(() => asked.asking = undefined);
    return await asked.asking;
  }

  #remember(id: UpstreamSessionId): Asked {
    const known = this.#asked.get(id);
    if (known !== undefined) return known;
    if (this.#asked.size >= MAX_REMEMBERED) this.#asked.delete(this.#asked.keys().next().value!);
    const fresh = { asking: undefined, tokens: BURST, refilledAtMs: this.#timers.now() };
    this.#asked.set(id, fresh);
    return fresh;
  }

  #takeToken(asked: Asked): boolean {
    const nowMs = this.#timers.now();
    // Of a clock that has been set back since: none would come until it is there again.
    if (asked.refilledAtMs > nowMs) asked.refilledAtMs = nowMs;
    const refilled = Math.floor((nowMs - asked.refilledAtMs) / REFILL_MS);
    if (refilled > 0) {
      asked.tokens = Math.min(BURST, asked.tokens + refilled);
      asked.refilledAtMs = nowMs;
    }
    if (asked.tokens === 0) return false;
    asked.tokens--;
    return true;
  }

  async #ask({ upstreamSessionId, target, fields }: PingWanted): Promise<Refusal | undefined> {
    const id = `signet-ping-${++this.#sent}`;
    const body = encodeJson({ jsonrpc: "2.0", id, method: "ping" });
    const changing = [SESSION_ID_FIELD, upstreamSessionId];
    const call = this.#send({ method: "POST", target, fields: fieldsOfPing(fields), changing, body });
    const stop = this.#timers.after(TIMEOUT_MS, () => call.abort());
    let response: ClientResponse | undefined;
    try {
      response = await call.response;
      const { status } = response.head;
      if (status >= 200 && status < 300) return await refusalInside(response, id);
      if (!isRefusal(status) || isChallenge(response)) return undefined;
      const heard = await hear(response, this.#timers);
      return meaningOf(heard.refusal, new Set([askedId(id)])) === "own" ? undefined : heard.refusal;
    } finally {
      stop();
      response?.release();
    }
  }
}

/** A 401 with a challenge is about the credential, whatever session it comes in (RFC 9110 §15.5.2). */
export function isChallenge({ head }: ClientResponse): boolean {
  return head.status === 401 && fieldValue(head.fields, "www-authenticate") !== undefined;
}

function fieldsOfPing(fields: Fields): FieldList {
  const own: FieldList = [...OF_A_PING, "accept-encoding", "identity"];
  for (let i = 0; i < fields.length; i += 2) {
    if (!OF_THE_MESSAGE.has(fields[i]!)) own.push(fields[i]!, fields[i + 1]!);
  }
  return own;
}

/** A refusal under a status that says success: an error about the session. */
async function refusalInside(response: ClientResponse, id: string): Promise<Refusal | undefined> {
  const contentType = fieldValue(response.head.fields, "content-type");
  const text = isEventStream(response.head.fields) ? await answerInStream(response, id) : decoder.decode(
    await response.body.readAll(MAX_ANSWER_BYTES),
  );
  if (text === undefined || !speaksOfSession(parse(text))) return undefined;
  return { status: response.head.status, contentType, text, cut: false };
}

/** The data of the event that answers; the stream may stay open behind it. */
async function answerInStream({ body }: ClientResponse, id: string): Promise<string | undefined> {
  const parser = new SseParser({ maxEventBytes: MAX_ANSWER_BYTES });
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    for (const { data } of parser.push(ownBytes(piece))) {
      if (data === undefined) continue;
      const message = parse(data) as { id?: unknown; error?: unknown; method?: unknown } | undefined;
      if (message?.method === undefined && (message?.id === id || message?.error !== undefined)) return data;
    }
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return parseJson(text) ?? undefined;
  } catch {
    return undefined;
  }
}
