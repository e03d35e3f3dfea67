// Answers made here, in the shape in which those of the wire arrive: a head, a body to be read, and an end to the
// exchange. Nothing behind them but memory.
import { ERROR_KINDS, type ErrorCode, SignetError } from "../../errors.ts";
import type { BodyReader, ClientResponse, FieldList, Fields } from "../../http1/types.ts";
import { BytesBody } from "../../http1/wire/bodies/bytes_body.ts";
import { madeHead } from "../../http1/wire/heads/head.ts";
import { errorResponse, type RpcId } from "../../mcp/messages/json_rpc.ts";
import type { RpcFault } from "../../mcp/messages/rpc_fault.ts";
import type { Outbox } from "./outbox.ts";

const NO_BYTES = new Uint8Array(0);

export interface AnswerParts {
  readonly status: number;
  readonly fields: Fields;
  readonly body: BodyReader;
  /** Runs once, when the exchange ends. */
  readonly onRelease?: () => void;
  readonly refusal?: Refusal | undefined;
}

/** No server has refused it but Signet: that has to be seen (V1). */
export interface Refusal {
  readonly code: ErrorCode;
  /** In words that hold nothing of a client's. */
  readonly found: string;
}

function makeAnswer(parts: AnswerParts): ClientResponse {
  const { status, fields, body, refusal } = parts;
  let onRelease = parts.onRelease;
  return {
    head: madeHead(status, fields, body.length),
    body,
    refusal,
    release() {
      onRelease?.();
      onRelease = undefined;
    },
  };
}

export interface JsonAnswerOptions {
  readonly status?: number;
  readonly fields?: Fields;
  readonly onRelease?: () => void;
  readonly refusal?: Refusal | undefined;
}

/** One JSON document. */
export function jsonAnswer(bytes: Uint8Array, options: JsonAnswerOptions = {}): ClientResponse {
  const { status = 200, fields = [], onRelease, refusal } = options;
  const body = new BytesBody(bytes);
  const parts = { status, fields: ["content-type", "application/json", ...fields], body, refusal };
  return makeAnswer(onRelease === undefined ? parts : { ...parts, onRelease });
}

/** Signet's own refusal, of a kind that `errors.ts` knows, in the bridge's words. */
export function errorAnswer(
  kind: ErrorCode,
  fault: RpcFault & { readonly id: RpcId | null; readonly status?: number },
): ClientResponse {
  const { id, code, message, status = ERROR_KINDS[kind].status } = fault;
  return jsonAnswer(errorResponse(id, code, message), { status, refusal: { code: kind, found: message } });
}

/**
 * A server's refusal of a credential that its client may answer with another one: as the server has said it, for the
 * gateway to pass on or to put its own in place of (docs/protocol.md 22). Undefined for anything else.
 */
export function challengeAnswer(error: unknown): ClientResponse | undefined {
  const refused = error instanceof SignetError ? error.detail.refusedCredential : undefined;
  if (refused === undefined) return undefined;
  const { status, challenge } = refused;
  const body = errorResponse(null, status, (error as SignetError).message);
  return jsonAnswer(body, { status, fields: ["www-authenticate", challenge] });
}

/** A status that says everything: 202, 204, 405. */
export function bareAnswer(status: number, fields: FieldList = []): ClientResponse {
  return makeAnswer({ status, fields, body: new BytesBody(NO_BYTES) });
}

/** Server-sent events, as they come. */
export function eventAnswer(body: Outbox, options: { fields?: Fields; onRelease: () => void }): ClientResponse {
  const fields = ["content-type", "text/event-stream", "cache-control", "no-cache", ...(options.fields ?? [])];
  const onRelease = () => {
    options.onRelease();
    body.letGo();
  };
  return makeAnswer({ status: 200, fields, body, onRelease });
}
