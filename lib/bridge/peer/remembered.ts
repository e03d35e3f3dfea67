// What a session's next peer has to be told besides the handshake: the log level and the subscriptions a client has
// asked for. Bounded in number and bytes, whatever a client sends (docs/behaviour.md M6): only what the request means
// is kept.
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { levelOf } from "../../mcp/log_levels.ts";
import type { RpcRequest } from "../../mcp/messages/json_rpc.ts";

/** A request whose effect must outlive its peer. */
export type Effect =
  | { readonly kind: "level"; readonly level: string }
  | { readonly kind: "subscribe" | "unsubscribe"; readonly uri: string };

/** To be called once, with whether the request has succeeded. */
export type Settle = (done: boolean) => void;

export interface RememberedLimits {
  readonly maxSubscriptions: number;
  /** Of all URIs together, in UTF-16 units: what they take in memory is at most twice that. */
  readonly maxSubscribedLength: number;
}

export function effectOf({ method, params }: RpcRequest, text: Uint8Array): Effect | undefined {
  if (method === "logging/setLevel") {
    // Others are the server's business, and not kept.
    const level = levelOf(levelIn(text));
    return level === undefined ? undefined : { kind: "level", level };
  }
  const uri = params?.uri;
  if (typeof uri !== "string") return undefined;
  if (method === "resources/subscribe") return { kind: "subscribe", uri };
  return method === "resources/unsubscribe" ? { kind: "unsubscribe", uri } : undefined;
}

function levelIn(text: Uint8Array): string | undefined {
  const params = findMember(text, "params");
  const span = params === undefined ? undefined : findMember(text, "level", params);
  if (span === undefined || span.end - span.start > LONGEST_LEVEL) return undefined;
  return decoder.decode(text.subarray(span.start, span.end)).replaceAll('"', "");
}

const decoder = new TextDecoder();
/** With its quotes. */
const LONGEST_LEVEL = 16;

function request(method: string, params: unknown): Uint8Array {
  return encodeJson({ jsonrpc: "2.0", id: 0, method, params });
}

export function levelText(level: string): Uint8Array {
  return request("logging/setLevel", { level });
}

export function subscribeText(uri: string): Uint8Array {
  return request("resources/subscribe", { uri });
}

export function unsubscribeText(uri: string): Uint8Array {
  return request("resources/unsubscribe", { uri });
}

export class Remembered {
  readonly #limits: RememberedLimits;
  readonly #uris = new Set<string>();
  #length = 0;
  #level: string | undefined;

  constructor(limits: RememberedLimits) {
    this.#limits = limits;
  }

  get subscriptions(): number {
    return this.#uris.size;
  }

  /** Their URIs together, in UTF-16 units. */
  get length(): number {
    return this.#length;
  }

  /** A request is on its way; what it would take is reserved. @returns undefined if there is no room for it */
  begin(effect: Effect): Settle | undefined {
    if (effect.kind === "level") return (done) => void (done && (this.#level = effect.level));
    const { uri } = effect;
    if (effect.kind === "unsubscribe") return (done) => void (done && this.#delete(uri));
    if (this.#uris.has(uri)) return () => {};
    const { maxSubscriptions, maxSubscribedLength } = this.#limits;
    if (this.#uris.size >= maxSubscriptions || this.#length + uri.length > maxSubscribedLength) return undefined;
    this.#uris.add(uri);
    this.#length += uri.length;
    return (done) => void (done || this.#delete(uri));
  }

  /** The requests a new peer gets; their ids are placeholders. */
  *retell(): Iterable<Uint8Array> {
    if (this.#level !== undefined) yield levelText(this.#level);
    for (const uri of this.#uris) yield subscribeText(uri);
  }

  #delete(uri: string): void {
    if (this.#uris.delete(uri)) this.#length -= uri.length;
  }
}
