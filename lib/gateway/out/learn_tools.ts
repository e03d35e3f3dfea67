// Asks the server for its list of tools, in the client's place, where a rule goes by what the server says of a tool and
// nobody has seen it yet: after a restart, or from a client that calls without having listed (docs/behaviour.md G4). Bounded
// in time, pages and bytes; a list that cannot be had lets nothing through.
import { SignetError } from "../../errors.ts";
import { type ClientResponse, type FieldList, HttpError } from "../../http1/types.ts";
import { ownBytes } from "../../http1/wire/borrowed.ts";
import { isEventStream } from "../../http1/wire/media_type.ts";
import { GatheredBytes } from "../../mcp/gathered_bytes.ts";
import { isJsonObject, type JsonObject, parseMessage } from "../../mcp/json_rpc.ts";
import { SseParser } from "../../mcp/sse.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../../platform/timers.ts";
import { hintsOf } from "../../policy/hints.ts";
import { decoded } from "../../upstream/http/decoded.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";
import { listsOf } from "../law.ts";
import type { GatewayParts } from "../parts.ts";
import { removeField, setField } from "./fields.ts";
import { exchange } from "./forward.ts";
import { sendWithoutSession } from "./send.ts";

/** A call that waits for what is said of its tool. */
export interface Learning {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly session: Session | undefined;
}

const MAX_PAGES = 100;
const MAX_BYTES = 4 * 1024 * 1024;
/** For one page, in ms. */
const PATIENCE_MS = 30_000;
const LONGEST_CURSOR = 16_384;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @throws SignetError, HttpError as the call itself would; `upstream_invalid` for what is no list */
export async function learnTools(parts: GatewayParts, learning: Learning): Promise<void> {
  const { law, now } = parts;
  const key = listsOf(learning);
  // Of several calls at once one asks; if it is cut, the next one does.
  for (let waits = law.learning.get(key); waits !== undefined; waits = law.learning.get(key)) {
    await waits.catch(() => {});
  }
  if (law.hints.isFresh(key, now())) return;
  const asking = askAll(parts, learning, key);
  law.learning.set(key, asking);
  try {
    await asking;
  } finally {
    if (law.learning.get(key) === asking) law.learning.delete(key);
  }
}

async function askAll(parts: GatewayParts, learning: Learning, key: string): Promise<void> {
  const { law, now, random } = parts;
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const id = `signet-${random(9).toBase64({ alphabet: "base64url" })}`;
    const result = await askPage(parts, learning, { id, cursor });
    const tools = result.tools;
    if (!Array.isArray(tools)) throw noList("a result without tools");
    for (const tool of tools) {
      if (!isJsonObject(tool) || typeof tool.name !== "string") continue;
      law.hints.learn(key, tool.name, { hints: hintsOf(tool.annotations), atMs: now() });
    }
    const next = result.nextCursor;
    if (typeof next !== "string") return law.hints.complete(key, now());
    if (next === cursor || next.length > LONGEST_CURSOR) break;
    cursor = next;
  }
  throw noList("pages without an end");
}

function noList(found: string): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { attempted: "ask for the list of tools, which a rule goes by", found, wanted: "a list of tools" },
    remedy: "Have the MCP server answer tools/list, or write rules that do not read what it says of its tools.",
  });
}

interface Page {
  readonly id: string;
  readonly cursor: string | undefined;
}

async function askPage(parts: GatewayParts, learning: Learning, page: Page): Promise<JsonObject> {
  const { inbound, caller, session } = learning;
  let result: JsonObject | undefined;
  const read = async (response: ClientResponse) => {
    try {
      result = resultIn(await readAnswer(response, page.id));
    } finally {
      response.release();
    }
  };
  if (session === undefined) await read(await sendStateless(parts, learning, page));
  else {
    const body = bodyOf(page, {});
    const parsed = parseMessage(body, { maxDepth: 64 });
    await exchange(parts, { inbound, caller, session, body, parsed }, (_, arriving) => read(arriving.response));
  }
  return result!;
}

function bodyOf({ id, cursor }: Page, params: JsonObject): Uint8Array {
  const all = cursor === undefined ? params : { ...params, cursor };
  return encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params: all }));
}

/** Under the envelope of the call that waits. */
async function sendStateless(
  parts: GatewayParts,
  { inbound, caller }: Learning,
  page: Page,
): Promise<ClientResponse> {
  const meta = inbound.parsed?.kind === "request" ? { ...inbound.parsed.params?._meta } : {};
  delete (meta as Record<string, unknown>).progressToken;
  const inFlight = parts.underWay.begin({ inbound, caller }, "call");
  try {
    return await sendWithoutSession(parts, inFlight, {
      method: "POST",
      query: inbound.head.query,
      fields: fieldsOf(parts.fields.toUpstream(inbound, caller)),
      upstreamSessionId: undefined,
      body: bodyOf(page, { _meta: meta }),
      caller,
      session: undefined,
      noted: inbound.record,
    });
  } finally {
    parts.underWay.end(inFlight);
  }
}

function fieldsOf(fields: FieldList): FieldList {
  setField(fields, "mcp-method", "tools/list");
  const ofTheCall = fields.filter((name, at) => at % 2 === 0 && name.startsWith("mcp-param-"));
  for (const name of ["mcp-name", "last-event-id", ...ofTheCall]) removeField(fields, name);
  return fields;
}

/** @throws SignetError `upstream_invalid` */
function resultIn(message: JsonObject | undefined): JsonObject {
  if (message === undefined) throw noList("an answer without a response");
  if (!isJsonObject(message.result)) throw noList("an error");
  return message.result;
}

/** The response of this id; undefined if there is none. @throws HttpError `upstream_timeout`, and as the body */
async function readAnswer(response: ClientResponse, id: string): Promise<JsonObject | undefined> {
  const untilMs = SYSTEM_TIMERS.now() + PATIENCE_MS;
  const { body, head } = decoded(response);
  const gathered = new GatheredBytes();
  const events = isEventStream(head.fields) ? new SseParser({ maxEventBytes: MAX_BYTES }) : undefined;
  while (true) {
    const reading = body.read();
    if (!await settlesWithin(reading, Math.max(0, untilMs - SYSTEM_TIMERS.now()), SYSTEM_TIMERS)) {
      reading.catch(() => {});
      throw new HttpError("upstream_timeout", `reading a list of tools: found no end of it within ${PATIENCE_MS} ms`);
    }
    const piece = await reading;
    if (piece === null) return events === undefined ? messageIn(decoder.decode(gathered.take()), id) : undefined;
    if (events !== undefined) {
      for (const { data } of events.push(ownBytes(piece))) {
        const found = data === undefined ? undefined : messageIn(data, id);
        if (found !== undefined) return found;
      }
    } else if (gathered.size + piece.length > MAX_BYTES) throw noList(`more than ${MAX_BYTES} bytes`);
    else gathered.add(ownBytes(piece));
  }
}

function messageIn(text: string, id: string): JsonObject | undefined {
  try {
    const messages: unknown[] = [JSON.parse(text)].flat();
    return messages.find((message): message is JsonObject => isJsonObject(message) && message.id === id);
  } catch {
    return undefined;
  }
}
