// What one stateless request may bring back and be given to bring back, on behalf of its caller: values are sealed and
// opened here, with what they are bound to (docs/behaviour.md S1; docs/protocol.md 33, 34).
import {
  type Carriage as Bound,
  type CarriedFailure,
  type CarriedKind,
  MAX_CARRIED_BYTES,
  openCarried,
  requestBinding,
  sealCarried,
  upstreamTag,
} from "../../../envelope/carried_value.ts";
import { SignetError } from "../../../errors.ts";
import { decodeLatin1 } from "../../../http1/wire/latin1.ts";
import { type CarriedMember, type Carries, isRemovedTaskMethod } from "../../../mcp/carried/carried_members.ts";
import { nameMemberOf } from "../../../mcp/eras/modern.ts";
import { canonicalText } from "../../../mcp/json/canonical_text.ts";
import { findMembers, type Span } from "../../../mcp/json/json_text.ts";
import type { RpcRequest } from "../../../mcp/messages/json_rpc.ts";
import { parseJson } from "../../../platform/json.ts";
import type { Caller } from "../../../session/caller.ts";
import type { GatewayParts } from "../../parts.ts";

/** How long a client may take to answer what it was asked (as long as the official SDKs give their own states). */
const STATE_LIFE_S = 600;

const KIND: Readonly<Record<CarriedMember, CarriedKind>> = {
  requestState: "request-state",
  taskId: "task",
  cursor: "cursor",
};

/** What a client is told of any that is not taken, whatever the reason: the same as of one that nobody ever gave out. */
const REFUSAL: Readonly<Record<CarriedKind, { readonly message: string; readonly reason: string }>> = {
  "request-state": {
    message: "Invalid params: the requestState is not one that was given for this request, or has expired",
    reason: "invalid_request_state",
  },
  task: { message: "Invalid params: unknown task", reason: "unknown_task" },
  cursor: { message: "Invalid params: the cursor is not one that was given for this list", reason: "invalid_cursor" },
};

/** A request of a method that carries something. */
export interface Carrying {
  readonly caller: Caller;
  readonly request: RpcRequest;
  readonly text: Uint8Array;
  /** Where `params` stand in `text`. */
  readonly params: Span | undefined;
  readonly carries: Carries;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NO_ARGUMENTS = encoder.encode("{}");
const NO_NAME = new Uint8Array(0);

export class Carriage {
  readonly carries: Carries;
  readonly #parts: GatewayParts;
  readonly #carrying: Carrying;
  readonly #nowS: number;
  #binding: Uint8Array | undefined;
  /** Ids of tasks as their server calls them → as the client has them, so that it gets back the text it keeps. */
  #presented: Map<string, string> | undefined;

  constructor(parts: GatewayParts, carrying: Carrying) {
    this.#parts = parts;
    this.#carrying = carrying;
    this.carries = carrying.carries;
    this.#nowS = Math.floor(parts.now() / 1000);
  }

  /**
   * The JSON text that a client's text stands for.
   * @param at where in the request's text the JSON text stands that the client has sent
   * @throws SignetError `carried_refused`
   */
  open(member: CarriedMember, at: Span): Uint8Array {
    const kind = KIND[member];
    const text = textOf(this.#carrying.text, at, MAX_CARRIED_BYTES[kind]);
    const { registry, metrics } = this.#parts;
    const opened = openCarried(registry.ring, kind, text ?? "", this.#boundTo(kind));
    metrics.carried.count(kind, opened.ok ? "opened" : opened.reason);
    if (!opened.ok) throw this.#refusalOf(kind, opened.reason);
    if (kind === "task") (this.#presented ??= new Map()).set(textAt(opened.token), text!);
    return opened.token;
  }

  /** What a JSON string says that is given to a client in place of a value; undefined if it is longer than can be sealed. */
  seal(member: CarriedMember, token: Uint8Array): string | undefined {
    const kind = KIND[member];
    // One id has one text, however its server spells it.
    const exact = kind === "task" ? canonicalText(token) : token;
    if (exact.length > MAX_CARRIED_BYTES[kind]) return undefined;
    const known = kind === "task" ? this.#presented?.get(textAt(exact)) : undefined;
    const { registry: { ring: { active } } } = this.#parts;
    // Tasks and cursors are compared by who holds them; a state is not, and lasts for a while.
    const expiresAtS = kind === "request-state" ? this.#nowS + STATE_LIFE_S : 0;
    return known ?? sealCarried(active, kind, { token: exact, expiresAtS }, this.#boundTo(kind));
  }

  /** What nobody has any more looks like that, whatever comes with it. */
  #refusalOf(kind: CarriedKind, outcome: CarriedFailure): SignetError {
    const { method } = this.#carrying.request;
    if (kind !== "task" || !isRemovedTaskMethod(method)) return refusalOf(kind, outcome);
    return new SignetError("method_not_found", { facts: { kind, outcome } });
  }

  #boundTo(kind: CarriedKind): Bound & { readonly nowS: number } {
    const { owners, upstream } = this.#parts;
    const { principal } = this.#carrying.caller;
    return {
      ownerUnder: (key) => owners.fingerprint(principal, key),
      upstream: tagOf(upstream.url),
      binding: kind === "task" ? undefined : kind === "cursor" ? () => this.#ofMethod() : () => this.#ofRequest(),
      nowS: this.#nowS,
    };
  }

  #ofMethod(): Uint8Array {
    const { method } = this.#carrying.request;
    let binding = OF_METHODS.get(method);
    // Only methods that carry something come here: a handful.
    if (binding === undefined) OF_METHODS.set(method, binding = requestBinding([encoder.encode(method)]));
    return binding;
  }

  #ofRequest(): Uint8Array {
    if (this.#binding !== undefined) return this.#binding;
    const { request: { method }, text, params } = this.#carrying;
    const member = nameMemberOf(method) ?? "name";
    const [name, given] = params === undefined ? [] : findMembers(text, [member, "arguments"], params);
    const parts = [
      encoder.encode(method),
      // Copies, which cost less than views do.
      name === undefined ? NO_NAME : canonicalText(text.slice(name.start, name.end)),
      given === undefined ? NO_ARGUMENTS : canonicalText(text.slice(given.start, given.end)),
    ];
    return this.#binding = requestBinding(parts);
  }
}

const OF_METHODS = new Map<string, Uint8Array>();

/** Of one address after the other: nearly always the same. */
let lastTag: { readonly url: string; readonly tag: Uint8Array } | undefined;

function tagOf(url: string): Uint8Array {
  if (lastTag?.url !== url) lastTag = { url, tag: upstreamTag(url) };
  return lastTag.tag;
}

/** The text of a JSON string; undefined for what is none, or far too long to be one of ours. */
function textOf(request: Uint8Array, { start, end }: Span, maxBytes: number): string | undefined {
  if (request[start] !== 0x22 || end - start > 12 * (maxBytes + 1024)) return undefined;
  const text = decodeLatin1(request, start + 1, end - 1);
  // What is no ASCII is none of ours, whatever it says; nor is what has an escape, but that one may be spelt with them.
  return text.includes("\\") ? parseJson(decoder.decode(request.subarray(start, end))) as string : text;
}

function textAt(token: Uint8Array): string {
  return decodeLatin1(token, 0, token.length);
}

export function refusalOf(kind: CarriedKind, outcome: CarriedFailure): SignetError {
  const { message, reason } = REFUSAL[kind];
  return new SignetError("carried_refused", {
    publicMessage: message,
    data: { reason },
    facts: { kind, outcome },
  });
}
