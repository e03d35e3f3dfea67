// A server of the sessions' era that refuses a call until its user has been at an address (−32042; MCP 2025-11-25,
// Elicitation, "URL Elicitation Required Error"), before a stateless client: the answer asks the client, with all there is
// of the question in the state that it brings back, and the call is made again, as the server wants it.
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import { findMember, findMembers, rewritten, type Span, stringAt, textAt } from "../../../mcp/json/json_text.ts";
import { exchanged, type PlacedText } from "../../../mcp/json/placed_text.ts";
import { isObjectAt } from "../../../mcp/messages/json_places.ts";
import { INTERNAL_ERROR, URL_ELICITATION_REQUIRED } from "../../../mcp/messages/rpc_codes.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../../platform/json.ts";
import type { Timers } from "../../../platform/time/timers.ts";

/** Of one call at a time, and of all of them in UTF-16 units: they have to fit into a state. */
const MAX_ADDRESSES = 16, MAX_LENGTH = 16 * 1024;
/** So many finished ones are known whose call may come later; and how long a name of one may be, in UTF-16 units. */
const MAX_FINISHED = 1000, MAX_ID_LENGTH = 256;
/** Members of a request that its server is not told. */
const ANSWERS: readonly string[] = ["requestState", "inputResponses"];
const PREFIX = "urls.";
/** Each byte of UTF-8 is two digits, and a UTF-16 unit at most three bytes. */
const MAX_STATE_LENGTH = PREFIX.length + 6 * MAX_LENGTH;

const decoder = new TextDecoder();

/** An address that is to be opened, and what the server calls that. */
interface Address {
  readonly url: string;
  readonly message: string;
  readonly elicitationId: string;
}

export type Addresses = readonly Address[];

/** Whether a client with these capabilities opens addresses. */
export function opensAddresses({ elicitation }: JsonObject): boolean {
  return isJsonObject(elicitation) && isJsonObject(elicitation.url);
}

/** What an error asks for; undefined if it asks for nothing that could be passed on. */
export function addressesIn(error: unknown): Addresses | undefined {
  if (!isJsonObject(error) || error.code !== URL_ELICITATION_REQUIRED || !isJsonObject(error.data)) return undefined;
  const { elicitations } = error.data;
  if (!Array.isArray(elicitations) || elicitations.length === 0 || elicitations.length > MAX_ADDRESSES) {
    return undefined;
  }
  const addresses = elicitations.map(addressOf);
  if (!addresses.every((address) => address !== undefined)) return undefined;
  return JSON.stringify(addresses).length > MAX_LENGTH ? undefined : addresses;
}

function addressOf(elicitation: unknown): Address | undefined {
  if (!isJsonObject(elicitation)) return undefined;
  const { url, message, elicitationId, mode = "url" } = elicitation;
  const isText = typeof url === "string" && typeof message === "string" && typeof elicitationId === "string";
  if (!isText || mode !== "url" || elicitationId.length > MAX_ID_LENGTH) return undefined;
  return { url, message, elicitationId };
}

/** The members of a result that asks the client to open them. */
export function askToOpen(addresses: Addresses): JsonObject {
  const requests = addresses.map(({ url, message }, at) => [
    keyOf(at),
    { method: "elicitation/create", params: { mode: "url", url, message } },
  ]);
  return {
    resultType: "input_required",
    inputRequests: Object.fromEntries(requests),
    requestState: PREFIX + encodeJson(addresses).toHex(),
  };
}

/** A request that is made again: what was asked, and what its client says to that. */
export interface Reopened {
  readonly addresses: Addresses;
  /** `open`: not all of it is answered; else what the first says that does not accept. */
  readonly said: "accept" | "open" | string;
}

/** Undefined for a request that brings no such state. */
export function reopenedIn(text: Uint8Array): Reopened | undefined {
  const params = findMember(text, "params");
  const span = params === undefined ? undefined : findMember(text, "requestState", params);
  const addresses = span === undefined ? undefined : addressesOf(parse(text, span));
  if (addresses === undefined) return undefined;
  const given = findMember(text, "inputResponses", params);
  const responses = membersWithin(text, given, addresses.map((_, at) => keyOf(at)));
  const actions = addresses.map((_, at) => actionOf(text, responses[at]));
  return { addresses, said: actions.find((action) => action !== "accept") ?? "accept" };
}

/** Where states are not sealed, a client can bring anything. */
function addressesOf(state: unknown): Addresses | undefined {
  if (typeof state !== "string" || !state.startsWith(PREFIX) || state.length > MAX_STATE_LENGTH) return undefined;
  try {
    const read: unknown = parseJson(decoder.decode(Uint8Array.fromHex(state.slice(PREFIX.length))));
    const addresses = Array.isArray(read) ? read.map(addressOf) : [];
    return addresses.length > 0 && addresses.every((address) => address !== undefined) ? addresses : undefined;
  } catch {
    return undefined;
  }
}

/** Of a response, if it is one. What else there is of it, however much, is not read. */
function actionOf(text: Uint8Array, response: Span | undefined): string {
  const [action] = membersWithin(text, response, ["action"]);
  return stringAt(text, action) ?? "open";
}

function membersWithin(
  text: Uint8Array,
  object: Span | undefined,
  names: readonly string[],
): readonly (Span | undefined)[] {
  return isObjectAt(text, object) ? findMembers(text, names, object) : [];
}

/** The request as its server gets it. */
export function withoutAnswers(placed: PlacedText): PlacedText {
  const { text } = placed;
  const params = findMember(text, "params")!;
  return exchanged(placed, params, rewritten(text, params, { without: ANSWERS }));
}

/** What ends a call whose client does not open what has to be opened: of a tool, what a model can read. */
export function notOpened(method: string, said: string): JsonObject {
  const words =
    `The MCP server wants an address to be opened before it does this, and the client's answer was: ${said}`;
  return method === "tools/call"
    ? { result: { resultType: "complete", content: [{ type: "text", text: words }], isError: true } }
    : { error: { code: INTERNAL_ERROR, message: words } };
}

/** Which addresses the server has said to be done with (`notifications/elicitation/complete`). */
export class FinishedAddresses {
  readonly #timers: Timers;
  readonly #finished = new Set<string>();
  readonly #waiting = new Set<() => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  note({ params }: JsonObject): void {
    const id = isJsonObject(params) ? params.elicitationId : undefined;
    if (typeof id !== "string" || id.length > MAX_ID_LENGTH) return;
    this.#finished.add(id);
    if (this.#finished.size > MAX_FINISHED) this.#finished.delete(this.#finished.values().next().value!);
    for (const look of [...this.#waiting]) look();
  }

  /** Calls `run` when all of these are done with, or after `ms`. @returns what ends the waiting */
  when(addresses: Addresses, { ms, run }: { readonly ms: number; readonly run: () => void }): () => void {
    const stop = () => {
      this.#waiting.delete(look);
      cancelTimer();
    };
    const end = () => {
      stop();
      run();
    };
    const look = () => {
      if (addresses.every(({ elicitationId }) => this.#finished.has(elicitationId))) end();
    };
    const cancelTimer = this.#timers.after(ms, end);
    this.#waiting.add(look);
    look();
    return stop;
  }
}

function keyOf(at: number): string {
  return `url-${at + 1}`;
}

function parse(text: Uint8Array, span: Span): unknown {
  return parseJson(textAt(text, span));
}
