// What a peer writes as one message. Real servers write a BOM, bytes that are not UTF-8, ids of another type, and log
// lines that happen to be JSON: what can be understood is taken, and nothing but JSON-RPC 2.0 is a message
// (docs/behaviour.md B8).
import { isUtf8 } from "node:buffer";
import { withoutMark } from "../../mcp/json/byte_order_mark.ts";
import { flatten } from "../../mcp/json/json_splice.ts";
import { elementsOf, findMembers } from "../../mcp/json/json_text.ts";
import type { RpcResponse } from "../../mcp/messages/json_rpc.ts";
import { parseMessageInTurns } from "../../mcp/messages/read_message.ts";
import { MAX_BATCH } from "../../mcp/scan/json_scan.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { joinBytes } from "../../platform/memory/join_bytes.ts";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** A line that is JSON: its bytes, valid UTF-8 on one line, and what they say. */
export interface JsonLine {
  readonly text: Uint8Array;
  readonly value: unknown;
}

/** Undefined if it is no JSON. */
export function readLine(line: Uint8Array): JsonLine | undefined {
  return parseLine(textOf(line));
}

/** Deeper answers are parsed. */
const LIMITS = { maxDepth: 512 };

/**
 * The same for a line that is long: others have their turn meanwhile. Of an answer, which nearly every long line is, only
 * what is needed to pass it on is read.
 */
export async function readLongLine(line: Uint8Array): Promise<JsonLine | undefined> {
  const text = textOf(line);
  try {
    const message = await parseMessageInTurns(text, LIMITS);
    if (message.kind === "response" && !isHandshake(message)) {
      const { id, result, error } = message;
      return { text, value: { jsonrpc: "2.0", id, ...(error === undefined ? { result } : { error }) } };
    }
  } catch {
    // Not as strict a message as a client's has to be: it may be one all the same.
  }
  return parseLine(text);
}

/** Whether all of an answer may be of interest. */
function isHandshake({ result }: RpcResponse): boolean {
  return result !== undefined && Object.keys(result).length > 0;
}

function parseLine(text: Uint8Array): JsonLine | undefined {
  try {
    return { text, value: parseJson(strict.decode(text)) };
  } catch {
    return undefined;
  }
}

/** One line of UTF-8. */
function textOf(line: Uint8Array): Uint8Array {
  const own = withoutMark(line);
  const text = own.indexOf(0x0d) === -1 ? own : flatten(own.slice());
  return isUtf8(text) ? text : encoder.encode(lenient.decode(text));
}

/** The id of an answer, which was a number when it was asked: some servers write it as text. */
export function ownIdOf(id: unknown): number | undefined {
  if (typeof id === "number") return id;
  return typeof id === "string" && /^\d{1,15}$/.test(id) ? Number(id) : undefined;
}

/** What is said of an answer for which {@link answerIn} finds nothing. */
export const NO_ANSWER = "an answer that is neither a result nor an error";

/**
 * An answer as every client takes it: a result that is an object, or an error with its code and words. What an older dialect
 * says beside it with null is left out. Undefined for what no client would take for an answer: it would wait on.
 */
export function answerIn(value: JsonObject, line: Uint8Array): { value: JsonObject; line: Uint8Array } | undefined {
  const { id, result, error } = value;
  const isResult = isJsonObject(result), isError = isRpcError(error);
  if (isResult && error === undefined || isError && result === undefined) return { value, line };
  if (isResult && error === null) return { value: { jsonrpc: "2.0", id, result }, line: alone("result", line) };
  if (isError && result === null) return { value: { jsonrpc: "2.0", id, error }, line: alone("error", line) };
  return undefined;
}

function isRpcError(error: unknown): boolean {
  return isJsonObject(error) && Number.isInteger(error.code) && typeof error.message === "string";
}

/** The answer with one of its members alone, as it was written. */
function alone(name: "result" | "error", line: Uint8Array): Uint8Array {
  const [id, member] = findMembers(line, ["id", name]).map((span) => line.subarray(span!.start, span!.end));
  const [head, middle, tail] = ['{"jsonrpc":"2.0","id":', `,"${name}":`, "}"].map((text) => encoder.encode(text));
  return joinBytes([head!, id!, middle!, member!, tail!]);
}

/**
 * Itself, or each of several, which revision 2025-03-26 let a server send as one: as many as a client may (M6);
 * undefined for what is too many to be any.
 */
export function messagesIn(read: JsonLine): (JsonLine | undefined)[] {
  if (!Array.isArray(read.value)) return [read];
  if (read.value.length > MAX_BATCH) return [undefined];
  const spans = elementsOf(read.text);
  return read.value.map((value, at) => ({ value, text: read.text.subarray(spans[at]!.start, spans[at]!.end) }));
}

/** Whether a value can be a message at all. */
export function isRpc(value: unknown): value is { readonly [name: string]: unknown } {
  return isJsonObject(value) && value.jsonrpc === "2.0";
}
