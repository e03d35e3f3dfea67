// JSON-RPC 2.0 as MCP narrows it: bytes to one classified message or a batch, and error responses.
// Guarantees that what is accepted is one thing only: a request, a notification or a response, with a typed id.
import { SignetError } from "../errors.ts";
import { assertUnambiguous, scanJson, type ScanLimits } from "./json_scan.ts";

export type JsonObject = { readonly [name: string]: unknown };

/** A request id. `1` and `"1"` are different ids (MCP, "Requests": string or integer, never null). */
export type RpcId = string | number;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export interface RpcRequest {
  readonly kind: "request";
  readonly id: RpcId;
  readonly method: string;
  readonly params: JsonObject | undefined;
}

export interface RpcNotification {
  readonly kind: "notification";
  readonly method: string;
  readonly params: JsonObject | undefined;
}

/** Exactly one of `result` and `error` is defined. `id` is null only for an error whose request could not be read. */
export interface RpcResponse {
  readonly kind: "response";
  readonly id: RpcId | null;
  readonly result: JsonObject | undefined;
  readonly error: RpcError | undefined;
}

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

/** JSON-RPC 2.0 §6. Never empty. Whether the negotiated revision allows one is the caller's question. */
export interface RpcBatch {
  readonly kind: "batch";
  readonly messages: readonly RpcMessage[];
}

export type Parsed = RpcMessage | RpcBatch;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Whether `value` is a JSON object: not null, no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A key under which ids of different types stay apart. */
export function idKey(id: RpcId): string {
  return typeof id === "string" ? `s${id}` : `n${id}`;
}

function invalid(found: string): SignetError {
  return new SignetError("invalid_request", { publicMessage: `Invalid request: ${found}` });
}

/** JSON text to a value. @throws SignetError `parse_error` on bytes that are not UTF-8 or not JSON */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    // The parser's message quotes the body, so it stays out of the log.
    throw new SignetError("parse_error", { facts: { bytes: bytes.length, kind: (cause as Error).name } });
  }
}

/** Integers beyond 2^53 are refused: two of them could read as one. */
function isId(value: unknown): value is RpcId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

function readParams(message: JsonObject): JsonObject | undefined {
  if (!Object.hasOwn(message, "params")) return undefined;
  if (!isJsonObject(message.params)) throw invalid("params must be an object");
  return message.params;
}

function readCall(message: JsonObject): RpcRequest | RpcNotification {
  const { method } = message;
  if (typeof method !== "string" || method === "") throw invalid("method must be a non-empty string");
  if (Object.hasOwn(message, "result") || Object.hasOwn(message, "error")) {
    throw invalid("a message with a method has neither result nor error");
  }
  const params = readParams(message);
  if (!Object.hasOwn(message, "id")) return { kind: "notification", method, params };
  if (!isId(message.id)) throw invalid("id must be a string or an integer");
  return { kind: "request", id: message.id, method, params };
}

function readError(value: unknown): RpcError {
  if (!isJsonObject(value) || !Number.isSafeInteger(value.code) || typeof value.message !== "string") {
    throw invalid("error must be an object with an integer code and a message");
  }
  return value as unknown as RpcError;
}

function readResponse(message: JsonObject): RpcResponse {
  const hasResult = Object.hasOwn(message, "result");
  if (hasResult === Object.hasOwn(message, "error")) {
    throw invalid("a message has a method, or exactly one of result and error");
  }
  const id = message.id ?? null;
  if (hasResult) {
    if (!isId(id)) throw invalid("id must be a string or an integer");
    if (!isJsonObject(message.result)) throw invalid("result must be an object");
    return { kind: "response", id, result: message.result, error: undefined };
  }
  if (id !== null && !isId(id)) throw invalid("id must be a string, an integer or null");
  return { kind: "response", id, result: undefined, error: readError(message.error) };
}

function readMessage(value: unknown): RpcMessage {
  if (!isJsonObject(value)) throw invalid("a message must be an object");
  if (value.jsonrpc !== "2.0") throw invalid('jsonrpc must be "2.0"');
  return Object.hasOwn(value, "method") ? readCall(value) : readResponse(value);
}

/**
 * Reads and classifies a body.
 * @throws SignetError `parse_error` (not UTF-8, not JSON) or `invalid_request` (not JSON-RPC 2.0 as MCP narrows it,
 * nested too deep, or with an ambiguous member name)
 */
export function parseMessage(bytes: Uint8Array, limits: ScanLimits): Parsed {
  const names = scanJson(bytes, limits);
  const value = parseJson(bytes);
  assertUnambiguous(value, names);
  if (!Array.isArray(value)) return readMessage(value);
  if (value.length === 0) throw invalid("a batch must not be empty");
  return { kind: "batch", messages: value.map(readMessage) };
}

/** The bytes of an error response; `id` is null where the request's could not be read (JSON-RPC 2.0 §5). */
export function errorResponse(
  id: RpcId | null,
  code: number,
  message: string,
  data?: unknown,
): Uint8Array<ArrayBuffer> {
  const error: RpcError = data === undefined ? { code, message } : { code, message, data };
  return encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, error }));
}
