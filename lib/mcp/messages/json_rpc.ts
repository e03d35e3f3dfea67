// JSON-RPC 2.0 as MCP narrows it: what a message is once it has been read (read_message.ts), its ids, and error responses.
import type { JsonObject } from "../../platform/json.ts";

/**
 * A request id. `1` and `"1"` are different ids (MCP, "Requests": string or integer, never null). Integers that a number
 * would round are bigints, of 64 bits at most: `idText` writes any as JSON.
 */
export type RpcId = string | number | bigint;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Of `params` what Signet knows, and no more: the rest stands in the text, and crosses with it. */
export type Params = {
  readonly _meta?: JsonObject;
  readonly name?: unknown;
  readonly uri?: unknown;
  readonly taskId?: unknown;
  readonly requestId?: unknown;
  readonly protocolVersion?: unknown;
  readonly capabilities?: unknown;
  readonly clientInfo?: unknown;
  readonly notifications?: unknown;
  /** Of `completion/complete`: what is completed. */
  readonly ref?: JsonObject;
};

/** Of `result` what Signet knows: members of the answer to an initialize, or to `server/discover`. */
export type Result = {
  readonly protocolVersion?: unknown;
  readonly capabilities?: unknown;
  readonly supportedVersions?: unknown;
};

export interface RpcRequest {
  readonly kind: "request";
  readonly id: RpcId;
  readonly method: string;
  /** Undefined if there are none, or `null`, which is taken for none. */
  readonly params: Params | undefined;
}

export interface RpcNotification {
  readonly kind: "notification";
  readonly method: string;
  readonly params: Params | undefined;
}

/** Exactly one of `result` and `error` is defined. `id` is null only for an error whose request could not be read. */
export interface RpcResponse {
  readonly kind: "response";
  readonly id: RpcId | null;
  readonly result: Result | undefined;
  readonly error: RpcError | undefined;
}

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

/** JSON-RPC 2.0 §6. Never empty. Whether the negotiated revision allows one is the caller's question. */
export interface RpcBatch {
  readonly kind: "batch";
  readonly messages: readonly RpcMessage[];
}

export type Parsed = RpcMessage | RpcBatch;

const encoder = new TextEncoder();

/** A key under which ids of different types stay apart. */
export function idKey(id: RpcId): string {
  return typeof id === "string" ? `s${id}` : `n${id}`;
}

/** The JSON text of an id, digit for digit. */
export function idText(id: RpcId | null): string {
  return typeof id === "bigint" ? String(id) : JSON.stringify(id);
}

/** The bytes of an error response; `id` is null where the request's could not be read (JSON-RPC 2.0 §5). */
export function errorResponse(
  id: RpcId | null,
  code: number,
  message: string,
  data?: unknown,
): Uint8Array<ArrayBuffer> {
  const error = data === undefined ? { code, message } : { code, message, data };
  return encoder.encode(`{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify(error)}}`);
}
