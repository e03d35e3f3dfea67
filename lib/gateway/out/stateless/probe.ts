// A stateless client's `server/discover`, by which it finds out which revision to speak: what the server answers is
// remembered as it goes by, and told again where nothing that a client would bear can be had of it (docs/behaviour.md S5;
// docs/protocol.md 38).
import { canonicalJson } from "../../../envelope/canonical_json.ts";
import { ERROR_KINDS } from "../../../errors.ts";
import { OtherAnswer } from "../../../http1/other_answer.ts";
import { type BodyReader, type ClientResponse, HttpError } from "../../../http1/types.ts";
import { isEventStream } from "../../../http1/wire/fields/media_type.ts";
import { type Bytes, ownBytes } from "../../../http1/wire/streams/borrowed.ts";
import { clientForLegacy } from "../../../mcp/eras/between_eras.ts";
import { speaksModern } from "../../../mcp/eras/for_stateless_server.ts";
import { idText, type RpcNotification, type RpcRequest } from "../../../mcp/messages/json_rpc.ts";
import { soundsSecret } from "../../../observe/secret_names.ts";
import { isJsonObject, parseJson } from "../../../platform/json.ts";
import { GatheredBytes } from "../../../platform/memory/gathered_bytes.ts";
import { createHash } from "../../../platform/runtime/builtin.ts";
import type { Caller } from "../../../session/caller.ts";
import { corsFieldsFor } from "../../in/guard.ts";
import type { Inbound } from "../../inbound.ts";
import { noteAnswerBody } from "../../observed.ts";
import type { GatewayParts } from "../../parts.ts";
import { toSignetError } from "../../respond.ts";
import { MAX_DISCOVERY } from "./discoveries.ts";

/** A stateless request that may be a probe. */
export interface Probing {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly message: RpcRequest | RpcNotification;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function isProbe({ message }: Probing): boolean {
  return message.kind === "request" && message.method === "server/discover";
}

/** The same answer, remembered as it goes by if it is what a client wants to know. */
export function overheard(parts: GatewayParts, probing: Probing, response: ClientResponse): ClientResponse {
  if (!isProbe(probing) || response.head.status !== 200) return response;
  const isStream = isEventStream(response.head.fields);
  const body = new OverheardBody(response.body, (bytes) => {
    const result = resultIn(decoder.decode(bytes), isStream);
    const key = result === undefined ? undefined : keyOf(probing);
    if (key !== undefined) parts.discoveries.remember(key, result!, parts.now());
  });
  return new OtherAnswer(response, { body, onRelease: () => body.end() });
}

/** Whether an answer says that the server cannot be asked now, or that Signet does not let it be. */
export function isUnbearable({ head: { status }, refusal }: ClientResponse): boolean {
  return status >= 500 || status === 408 || status === 429 || refusal !== undefined;
}

/** Whether what went wrong is about the moment: not about who asks, nor about a Signet that ends. */
function isPassing(fault: unknown): boolean {
  if (fault instanceof HttpError && fault.code === "aborted") return false;
  const { code } = toSignetError(fault);
  const { status } = ERROR_KINDS[code];
  return (status >= 500 || status === 429) && code !== "draining" && code !== "internal";
}

/**
 * Answers a probe with what is remembered, for its own owner and kind of client.
 * @param fault why it would be refused
 * @returns false if nothing is remembered, or it is about something else
 */
export async function answerProbe(parts: GatewayParts, probing: Probing, fault: unknown): Promise<boolean> {
  if (!isProbe(probing) || !isPassing(fault)) return false;
  return await tellRemembered(parts, probing);
}

/** The same where the server has refused in words of its own. */
export async function tellRemembered(parts: GatewayParts, probing: Probing): Promise<boolean> {
  const { inbound, message } = probing;
  if (message.kind !== "request" || inbound.exchange.aborted) return false;
  const key = keyOf(probing);
  const result = key === undefined ? undefined : parts.discoveries.find(key, parts.now());
  if (result === undefined) return false;
  parts.discoveries.told++;
  const body = encoder.encode(`{"jsonrpc":"2.0","id":${idText(message.id)},"result":${result}}`);
  const cors = corsFieldsFor(parts.guard, inbound.origin);
  const fields = ["content-type", "application/json", "cache-control", "no-store", ...cors];
  if (inbound.record !== undefined) noteAnswerBody(inbound, fields, body);
  await inbound.exchange.respond({ status: 200, fields }, body);
  return true;
}

/** Whose it is: of another owner, another kind of client or another query nothing is known. */
function keyOf({ inbound, caller, message }: Probing): string | undefined {
  const { clientInfo, capabilities } = clientForLegacy(isJsonObject(message.params) ? message.params : undefined, {});
  try {
    const text = canonicalJson([
      caller.owner,
      credentialsOf(inbound, caller),
      inbound.head.query,
      clientInfo,
      capabilities,
    ]);
    return createHash("sha256").update(text).digest("base64url");
  } catch {
    return undefined; // nested too deep to be named
  }
}

/** Where Signet knows nobody all are one owner, and it may be the server that lets some in and others not. */
function credentialsOf({ head: { fields } }: Inbound, { principal }: Caller): string[] {
  if (principal.source !== "anonymous") return [];
  return fields.filter((_, at) => soundsSecret(fields[at - at % 2]!));
}

/** JSON of what a server says of itself, not to be kept by its client; undefined if it is none. */
function resultIn(text: string, isStream: boolean): string | undefined {
  for (const json of isStream ? eventsIn(text) : [text]) {
    try {
      const message: unknown = parseJson(json);
      const result = isJsonObject(message) ? message.result : undefined;
      if (speaksModern(result)) return JSON.stringify({ ...result, ttlMs: 0 });
    } catch {
      // Cut off, or no JSON.
    }
  }
  return undefined;
}

function eventsIn(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
}

/** A body as it is, heard as it goes by. */
class OverheardBody implements BodyReader {
  readonly length: number;
  readonly #inner: BodyReader;
  readonly #onEnd: (bytes: Uint8Array) => void;
  /** Undefined when it has ended, or is too long to be what is wanted. */
  #heard: GatheredBytes | undefined = new GatheredBytes();

  constructor(inner: BodyReader, onEnd: (bytes: Uint8Array) => void) {
    this.#inner = inner;
    this.#onEnd = onEnd;
    this.length = inner.length;
  }

  get done(): boolean {
    return this.#inner.done;
  }

  takeBuffered(): Bytes | undefined {
    const whole = this.#inner.takeBuffered();
    if (whole === undefined) return undefined;
    this.#hear(whole);
    this.end();
    return whole;
  }

  async read(): Promise<Bytes | null> {
    const piece = await this.#inner.read();
    if (piece === null) this.end();
    else this.#hear(piece);
    return piece;
  }

  async readAll(maxBytes: number): Promise<Uint8Array> {
    const bytes = await this.#inner.readAll(maxBytes);
    this.#hear(bytes);
    this.end();
    return bytes;
  }

  /** Nothing comes any more. */
  end(): void {
    const heard = this.#heard;
    this.#heard = undefined;
    if (heard !== undefined && heard.size > 0) this.#onEnd(heard.take());
  }

  #hear(piece: Bytes): void {
    if (this.#heard === undefined) return;
    if (this.#heard.size + piece.length > 2 * MAX_DISCOVERY) this.#heard = undefined;
    else this.#heard.add(ownBytes(piece));
  }
}
