// Which header fields cross the gateway. Everything end-to-end passes as it came; what belongs to one connection,
// to the session or to somebody's identity does not (RFC 9110 §7.6.1, docs/behaviour.md I4, docs/protocol.md 2).
import { SignetError } from "../../../errors.ts";
import {
  type FieldList,
  type Fields,
  newMadeHead,
  type ResponseHead,
  type ResponseStart,
} from "../../../http1/types.ts";
import { plainName } from "../../../http1/wire/fields/field_spelling.ts";
import {
  detachText,
  fieldValue,
  HOP_BY_HOP,
  OF_THE_BYTES,
  withoutHopByHop,
} from "../../../http1/wire/fields/fields.ts";
import type { TrustedPeers } from "../../../identity/proxies/trusted_peers.ts";
import { SESSION_ID_FIELD } from "../../../mcp/session_id_field.ts";
import { HOP_FIELD, HOP_PROOF_FIELD } from "../../../replica/hop_proof.ts";
import type { Caller } from "../../../session/caller.ts";
import type { Crossing } from "../../head_facts.ts";
import { corsFields } from "../../in/guard.ts";
import type { Inbound } from "../../inbound.ts";
import { CARRIES_AN_ADDRESS } from "./addresses.ts";
import { GuardedFields, isForwardedField } from "./guarded_fields.ts";

const NEVER_TO_CLIENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  SESSION_ID_FIELD,
  HOP_FIELD,
  HOP_PROOF_FIELD,
  ...CARRIES_AN_ADDRESS,
]);
const CORS_FIELD = "access-control-";

export interface FieldRules {
  /** Further request fields that never pass from outside: the trusted proxy's identity header and configured ones. */
  readonly strip: readonly string[];
  /** Further request fields that Signet decides by, such as those a resolver sees: no other spelling of them passes. */
  readonly decidedBy: readonly string[];
  /** Proxies whose word is taken of whom they forward for. */
  readonly trustedPeers: TrustedPeers;
  /** Request fields of initialize that are sealed into the id and sent with every request of the session (E3). */
  readonly seal: readonly string[];
  readonly identity: IdentityFields;
  /**
   * Whether upstream challenges are replaced: where Signet itself tells callers apart, they would lead clients astray.
   */
  readonly replaceChallenges: boolean;
  /** Request fields of initialize kept in memory and sent with every request of the session (E9). */
  readonly transient: readonly string[];
  /** How the upstream is called: no response field that names it passes (P6). See `nameToHide`. */
  readonly hidden: string | undefined;
}

/** How the upstream is told whom a request is made for (I4). */
export interface IdentityFields {
  readonly user: string;
  readonly scopes: string;
  /** Whether they are sent; the names are stripped from outside in any case. */
  readonly enabled: boolean;
}

/** A value that is one for every reader: printable ASCII, everything else percent-encoded as UTF-8. */
function encodeIdentity(text: string): string {
  return /^[\x21-\x24\x26-\x7e]+$/.test(text)
    ? text
    : text.replace(/[^\x21-\x24\x26-\x7e]+/gu, (part) => encodeURIComponent(part.toWellFormed()));
}

/** What a request is sent with that its session remembers. */
export interface Remembering {
  readonly transient: Fields;
  /** Sealed in the id for the upstream it goes to; undefined: nothing. */
  readonly remembered: Readonly<Record<string, string>> | undefined;
}

/** The start of an answer as it crosses, beside what it was got from: with its head it is one for all answers alike. */
interface Returning extends ResponseStart {
  readonly by: object;
  readonly origin: string | undefined;
}

export class FieldPolicy {
  readonly #guarded: GuardedFields;
  readonly #rules: FieldRules;

  constructor(rules: FieldRules) {
    this.#rules = rules;
    const { user, scopes } = rules.identity;
    this.#guarded = new GuardedFields({
      never: [user, scopes, HOP_FIELD, HOP_PROOF_FIELD, ...rules.strip],
      guarded: [...rules.seal, ...rules.transient, ...rules.decidedBy],
    });
  }

  /** The fields of a request in a session for its upstream: one list for as long as nothing changes that they hang on. */
  intoSession(inbound: Inbound, caller: Caller, session: Remembering): Pick<Crossing, "fields" | "notes"> {
    const { facts } = inbound;
    const { transient, remembered } = session;
    const known = facts.crossing;
    // Nothing more comes on the connection of a stream, which may last.
    const mayBeKnown = inbound.cachedCredential === undefined && inbound.method !== "GET";
    // A reload brings other rules, another credential another caller; the peer is its connection's.
    if (
      known?.by === this && known.caller === caller && known.transient === transient &&
      known.remembered === remembered &&
      mayBeKnown
    ) return known;
    const fields = this.toUpstream(inbound, caller);
    this.addRemembered(fields, session);
    const crossing = { by: this, caller, remembered, transient, fields, notes: { value: undefined } };
    if (mayBeKnown) facts.crossing = crossing;
    return crossing;
  }

  /** The first name in a request's Connection that whoever is next relies on as much as Signet does. */
  takesAway({ facts: { takenAway } }: Inbound): string | undefined {
    for (const name of takenAway) if (this.#guarded.mustStay(name)) return name;
    return undefined;
  }

  /** The request's fields for an upstream, in a list of their own. */
  toUpstream(inbound: Inbound, caller: Caller): FieldList {
    const received = inbound.head.fields;
    // Names in Connection are hop-by-hop too: those that may be (`takesAway`).
    const source = inbound.facts.takenAway.length > 0 ? withoutHopByHop(received) : received;
    const fields: FieldList = [];
    for (let i = 0; i < source.length; i += 2) {
      const name = source[i]!;
      const verdict = this.#guarded.verdict(name);
      if (verdict === "never" || (verdict === "forwarded" && !this.#trusts(inbound))) continue;
      fields.push(name, source[i + 1]!);
    }
    this.#addIdentity(fields, inbound, caller);
    return fields;
  }

  #trusts(inbound: Inbound): boolean {
    return this.#rules.trustedPeers.trusts(inbound.remoteAddress);
  }

  /** The value of a field to be remembered; undefined where it is not there, or not believed of this peer. */
  #remembered(inbound: Inbound, name: string): string | undefined {
    const value = inbound.get(name);
    return value !== undefined && isForwardedField(plainName(name)) && !this.#trusts(inbound) ? undefined : value;
  }

  #addIdentity(fields: FieldList, { cachedCredential }: Inbound, { principal }: Caller): void {
    if (cachedCredential !== undefined) fields.push("authorization", cachedCredential);
    const { enabled, user, scopes } = this.#rules.identity;
    if (!enabled) return;
    fields.push(user, encodeIdentity(principal.subject));
    if (principal.scopes.length > 0) fields.push(scopes, principal.scopes.map(encodeIdentity).join(" "));
  }

  /**
   * Adds what a session remembers. Sealed values win over what a request says in mid-session, so that a tenant stays
   * the one it was opened for; a credential is the exception, since a refreshed one must get through.
   */
  addRemembered(fields: FieldList, { transient, remembered }: Remembering): void {
    for (const name in remembered) {
      if (name === SESSION_ID_FIELD) continue;
      if (name === "authorization" && fieldValue(fields, name) !== undefined) continue;
      removeField(fields, name);
      fields.push(name, remembered[name]!);
    }
    for (let i = 0; i < transient.length; i += 2) {
      if (fieldValue(fields, transient[i]!) === undefined) fields.push(transient[i]!, transient[i + 1]!);
    }
  }

  /** What of an initialize request is to be sealed: name → value. */
  sealedOf(inbound: Inbound): Record<string, string> {
    const sealed: Record<string, string> = {};
    for (const name of this.#rules.seal) {
      const value = this.#remembered(inbound, name);
      if (value !== undefined) sealed[name] = detachText(value);
    }
    return sealed;
  }

  /**
   * What of an initialize request is to be remembered in memory only.
   * @throws SignetError `invalid_params` where that is more than a session may have remembered
   */
  transientOf(inbound: Inbound): FieldList {
    const fields: FieldList = [];
    let size = 0;
    for (const name of this.#rules.transient) {
      const value = this.#remembered(inbound, name);
      if (value === undefined) continue;
      size += value.length;
      if (size > MAX_TRANSIENT_CHARACTERS) throw tooLongToRemember(size);
      fields.push(name, detachText(value));
    }
    return fields;
  }

  /**
   * The response's fields for the client: never the upstream's session id or its address, on no response whatsoever; and
   * where the head is kept that is made of them and of nothing else.
   */
  toClient(
    { origin }: Inbound,
    { status, reason, fields, notes }: Pick<ResponseHead, "status" | "reason" | "fields" | "notes">,
  ): ResponseStart {
    const known = notes?.value as Returning | undefined;
    if (known?.by === this && known.origin === origin) return known;
    const made = newMadeHead(false);
    const returning: Returning = { by: this, origin, status, reason, fields: this.#returning(fields, origin), made };
    if (notes !== undefined) notes.value = returning;
    return returning;
  }

  #returning(received: Fields, origin: string | undefined): FieldList {
    const source = fieldValue(received, "connection") === undefined ? received : withoutHopByHop(received);
    const { hidden } = this.#rules;
    const fields: FieldList = [];
    for (let i = 0; i < source.length; i += 2) {
      const name = source[i]!;
      if (NEVER_TO_CLIENT.has(name) || (origin !== undefined && name.startsWith(CORS_FIELD))) continue;
      if (name === "www-authenticate") {
        if (this.#rules.replaceChallenges) continue;
      } else if (hidden !== undefined && source[i + 1]!.includes(hidden)) continue;
      fields.push(name, source[i + 1]!);
    }
    if (origin !== undefined) fields.push(...corsFields(origin));
    return fields;
  }
}

/** Of all that one session has remembered in memory only (M6): room for a credential and some names. */
const MAX_TRANSIENT_CHARACTERS = 8192;

function tooLongToRemember(size: number): SignetError {
  return new SignetError("invalid_params", {
    publicMessage: `Invalid params: headers to be remembered have ${size} characters, ` +
      `${MAX_TRANSIENT_CHARACTERS} is the most`,
  });
}

/** What a client's head says of its own message: untrue of one that Signet sends in its place. */
const OF_THE_MESSAGE: readonly string[] = ["last-event-id", "mcp-method", "mcp-name", ...OF_THE_BYTES];

/** Takes what the client's head says of its own message out of `fields`, and these. */
export function removeOfMessage(fields: FieldList, ...more: readonly string[]): void {
  for (const name of [...OF_THE_MESSAGE, ...more]) removeField(fields, name);
}

/** Takes every occurrence of `name` out of `fields`. */
export function removeField(fields: FieldList, name: string): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) if (fields[i] === name) fields.splice(i, 2);
}

/** Sets `name` to the one value, where it stands. */
export function setField(fields: FieldList, name: string, value: string): void {
  let first = 0;
  while (first < fields.length && fields[first] !== name) first += 2;
  if (first === fields.length) return void fields.push(name, value);
  fields[first + 1] = value;
  for (let i = fields.length - 2; i > first; i -= 2) if (fields[i] === name) fields.splice(i, 2);
}
