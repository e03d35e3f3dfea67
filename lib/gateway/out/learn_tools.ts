// Asks the server for its list of tools, in the client's place, where a rule goes by what the server says of a tool and
// nobody has seen it yet: after a restart, or from a client that calls without having listed (docs/behaviour.md G4). Bounded
// in time, pages and bytes; a list that cannot be had lets nothing through.
import { SignetError } from "../../errors.ts";
import { type ClientResponse, type FieldList, HttpError, type ResponseHead } from "../../http1/types.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { SseParser } from "../../mcp/events/sse.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { parseMessage } from "../../mcp/messages/read_message.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";
import { Patience, settlesWithin, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { hintsOf } from "../../policy/hints.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import { decoded } from "../../upstream/http/decoded.ts";
import type { Inbound } from "../inbound.ts";
import { listsOf } from "../law.ts";
import type { GatewayParts } from "../parts.ts";
import { explainCut } from "./explain_cut.ts";
import { removeOfMessage, setField } from "./fields/fields.ts";
import { exchange } from "./forward.ts";
import type { InFlight } from "./in_flight.ts";
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

const decoder = new TextDecoder();

/** The same in the place that it has among what is in flight, be it to ask or to wait. */
interface Placed extends Learning {
  readonly place: InFlight;
}

/**
 * What rates and caps would refuse asks nothing: whoever calls has asked the rates; the caps are asked here.
 * @throws SignetError, HttpError as the call itself would; `upstream_invalid` for what is no list; `principal_limit` for
 * a caller who makes Signet ask too often
 */
export async function learnTools(parts: GatewayParts, learning: Learning): Promise<void> {
  const place = parts.underWay.begin(learning, "call");
  try {
    await learnInPlace(parts, { ...learning, place });
  } catch (error) {
    throw explainCut(error, place);
  } finally {
    parts.underWay.end(place);
  }
}

async function learnInPlace(parts: GatewayParts, learning: Placed): Promise<void> {
  const { law, now } = parts;
  const key = listsOf(learning);
  // Of several calls at once one asks; if it is cut, the next one does.
  for (let waits = law.learning.get(key); waits !== undefined; waits = law.learning.get(key)) {
    await learning.place.waitFor(waits.catch(() => {}));
  }
  if (law.hints.isFresh(key, now()) || !mayAsk(parts, learning, key)) return;
  law.hints.noteAsked(key, now());
  const asking = askAll(parts, learning, key);
  law.learning.set(key, asking);
  try {
    await asking;
  } finally {
    if (law.learning.get(key) === asking) law.learning.delete(key);
  }
}

/**
 * Whether the caller may make Signet ask now. If not, what is not in the list that is known is not there.
 * @throws SignetError `principal_limit` where none is known
 */
function mayAsk({ law, now }: GatewayParts, { caller }: Learning, key: string): boolean {
  const waitMs = law.askings.take(caller.principalKey, law.hints.wasAsked(key, now()), now());
  if (waitMs === 0) return true;
  if (law.hints.isWhole(key, now())) return false;
  throw new SignetError("principal_limit", {
    publicMessage: "Too many calls of tools that nothing is known of, for this caller",
    retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)),
    facts: { what: "calls of one caller that make Signet ask for the list of tools" },
    remedy: "Have clients list tools before they call them, or write rules that do not read what servers say of tools.",
  });
}

async function askAll(parts: GatewayParts, learning: Placed, key: string): Promise<void> {
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

async function askPage(parts: GatewayParts, learning: Placed, page: Page): Promise<JsonObject> {
  const { inbound, caller, session, place } = learning;
  let result: JsonObject | undefined;
  const read = async (response: ClientResponse) => {
    try {
      requireCredential(parts, response.head);
      result = resultIn(await readAnswer(response, page.id));
    } finally {
      response.release();
    }
  };
  if (session === undefined) await read(await sendStateless(parts, learning, page));
  else {
    const body = bodyOf(page, {});
    const parsed = parseMessage(body, { maxDepth: 64 });
    await exchange(parts, { inbound, caller, session, place, body, parsed }, ({ response }) => read(response));
  }
  return result!;
}

/** @throws SignetError `unauthenticated`, `insufficient_scope` where the server refuses the client's */
function requireCredential({ authentication }: GatewayParts, head: ResponseHead): void {
  const refused = authentication.refusedBehind(head, {
    facts: { attempted: "ask for the list of tools, which a rule goes by", status: head.status },
    remedy:
      "The MCP server tells nobody with the client's credential of its tools: the client has to bring another one.",
  });
  if (refused !== undefined) throw refused;
}

function bodyOf({ id, cursor }: Page, params: JsonObject): Uint8Array {
  const all = cursor === undefined ? params : { ...params, cursor };
  return encodeJson({ jsonrpc: "2.0", id, method: "tools/list", params: all });
}

/** Under the envelope of the call that waits. */
function sendStateless(parts: GatewayParts, { inbound, caller, place }: Placed, page: Page): Promise<ClientResponse> {
  const meta = inbound.parsed?.kind === "request" ? { ...inbound.parsed.params?._meta } : {};
  delete (meta as Record<string, unknown>).progressToken;
  return sendWithoutSession(parts, place, {
    method: "POST",
    query: inbound.head.query,
    fields: fieldsOf(parts.fields.toUpstream(inbound, caller)),
    upstreamSessionId: undefined,
    body: bodyOf(page, { _meta: meta }),
    caller,
    session: undefined,
    noted: inbound.record,
  });
}

function fieldsOf(fields: FieldList): FieldList {
  removeOfMessage(fields, ...fields.filter((name, at) => at % 2 === 0 && name.startsWith("mcp-param-")));
  setField(fields, "mcp-method", "tools/list");
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
  const patience = new Patience(PATIENCE_MS, SYSTEM_TIMERS);
  const { body, head } = decoded(response);
  const gathered = new GatheredBytes();
  const events = isEventStream(head.fields) ? new SseParser({ maxEventBytes: MAX_BYTES }) : undefined;
  while (true) {
    const reading = body.read();
    if (!await settlesWithin(reading, patience.leftMs, SYSTEM_TIMERS)) {
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
    const messages: unknown[] = [parseJson(text)].flat();
    return messages.find((message): message is JsonObject => isJsonObject(message) && message.id === id);
  } catch {
    return undefined;
  }
}
