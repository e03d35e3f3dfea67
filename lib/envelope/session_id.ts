// The session id a client sees: a session sealed into base62 text, and back (docs/behaviour.md E1–E5, E7, E8).
// Equal sessions give equal ids under one key. Whether a session has expired or is somebody else's is the caller's
// business.
import { Buffer } from "node:buffer";
import { SignetError } from "../errors.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import type { JsonObject } from "../platform/json.ts";
import { MAX_DEPTH } from "./canonical_json.ts";
import type { KeyRing, MasterKey, RandomBytes } from "./key_ring.ts";
import { DEFAULT_MAX_LENGTH, type OpenFailure, openInPlace, type OpenOptions, seal, sealedLength } from "./seal.ts";
import { SessionForms } from "./session_forms.ts";
import { encodeSession, type SealedSession } from "./session_payload.ts";

/** A sealed session as text: what a client holds in `Mcp-Session-Id`. */
export type SessionId = string & { readonly __brand: "SessionId" };

/** The id an upstream gave out. It never leaves Signet unsealed (docs/protocol.md 2). */
export type UpstreamSessionId = string & { readonly __brand: "UpstreamSessionId" };

export type OpenSessionResult =
  | { readonly ok: true; readonly session: SealedSession; readonly key: MasterKey }
  | { readonly ok: false; readonly reason: OpenFailure | "shape" };

/** A session that does not fit into an id. It becomes a 400: almost always the client's initialize is too big. */
export class SessionTooLongError extends SignetError {
  /** Characters the id would have, without the client's decoration. */
  readonly length: number;
  readonly maxLength: number;

  constructor(session: SealedSession, length: number, maxLength: number) {
    const upstreamsChars = JSON.stringify(session.upstreams).length;
    const isTheirs = upstreamsChars > JSON.stringify([session.clientInfo, session.capabilities]).length;
    const culprit = isTheirs ? "what is sealed of the MCP servers" : "clientInfo and capabilities";
    super("invalid_params", {
      publicMessage:
        `Invalid params: ${culprit} would make a session id of ${length} characters, ${maxLength} is the most`,
      remedy: isTheirs
        ? "Name fewer servers or shorter addresses, seal fewer headers, or allow longer ids (--max-id-length)."
        : "Send smaller clientInfo and capabilities, seal fewer headers, or allow longer ids.",
      facts: {
        idLength: length,
        maxLength,
        clientInfoChars: JSON.stringify(session.clientInfo).length,
        capabilitiesChars: JSON.stringify(session.capabilities).length,
        upstreamsChars,
        homeChars: session.home?.length ?? 0,
      },
    });
    this.length = length;
    this.maxLength = maxLength;
  }
}

/**
 * Members of MCP's `Implementation` (2025-11-25) that only decorate, bulkiest first: `icons` may hold whole pictures as
 * `data:` URIs. No server can need them to initialize a lost session again, so they give way to the cap.
 */
const DECORATION = ["icons", "description", "websiteUrl", "title"] as const;

/**
 * The id of a session. If it would pass `maxLength` characters (default 4,096), the client info is sealed without its
 * decoration, as little of it left out as needed.
 *
 * @throws SessionTooLongError if the id is too long even so
 * @throws TypeError if the session breaks a rule of {@link SealedSession}
 */
export function sealSession(key: MasterKey, session: SealedSession, options: OpenOptions = {}): SessionId {
  return seal(key, "session", fit(session, options.maxLength ?? DEFAULT_MAX_LENGTH)) as SessionId;
}

/** Characters of an id of its own that a server may give a session: a UUID with a prefix. */
export const TYPICAL_ID_LENGTH = 64;

/** What of a session is known before its server is asked: all but its id there. */
export type Prospect = Pick<SealedSession, "clientInfo" | "capabilities" | "upstreams" | "home">;

/**
 * Whether a session would fit into an id if its server gave it one of usual length: asked before the server is, so that
 * nobody can have it open sessions which then cannot be sealed.
 *
 * @throws SessionTooLongError if not
 * @throws SignetError `invalid_params` if something is nested too deep
 */
export function requireSealable(prospect: Prospect, options: OpenOptions & { readonly idLength?: number } = {}): void {
  const { idLength = TYPICAL_ID_LENGTH, maxLength = DEFAULT_MAX_LENGTH } = options;
  if (fitsByFar(prospect, idLength, maxLength)) return;
  const typicalId = "x".repeat(idLength);
  const upstreams = Object.fromEntries(
    Object.entries(prospect.upstreams).map(([url, headers]) => [url, { ...headers, [SESSION_ID_FIELD]: typicalId }]),
  );
  const anybody = "A".repeat(22);
  fit({
    ...prospect,
    upstreams,
    sid: anybody,
    owner: anybody as SealedSession["owner"],
    issuedAtMs: 1e12,
    expiresAtMs: 1e12 + 1e9,
    protocolVersion: "2025-11-25",
  }, maxLength);
}

/** Bytes of what every session's payload has besides, at most, and of an id's name and marks beside each server. */
const REST_BYTES = 200, ID_BYTES = 32;

/** Whether lengths alone tell that it fits, as they nearly always do: to write the payload takes a tenth of an initialize. */
function fitsByFar(
  { clientInfo, capabilities, upstreams, home }: Prospect,
  idLength: number,
  maxLength: number,
): boolean {
  const text = JSON.stringify([clientInfo, capabilities, upstreams, home ?? null]);
  const ids = Object.keys(upstreams).length * (idLength + ID_BYTES);
  // No character takes more than three bytes, and nothing is deeper than it has brackets.
  if (sealedLength(3 * text.length + ids + REST_BYTES) > maxLength) return false;
  let brackets = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x7b || code === 0x5b) brackets++;
  }
  return brackets < MAX_DEPTH;
}

/** The payload, with as little decoration left out as needed. @throws SessionTooLongError if it is too long even so */
function fit(session: SealedSession, maxLength: number): Uint8Array {
  let slim = session;
  for (const member of [...DECORATION, undefined]) {
    // Its text is never longer in canonical form, nor shorter: what cannot fit is not put in order first.
    const { clientInfo, capabilities } = slim;
    const textLength = JSON.stringify(clientInfo).length + JSON.stringify(capabilities).length;
    const payload = textLength > maxLength ? undefined : encodePayload(slim);
    const length = sealedLength(payload?.length ?? textLength);
    if (payload !== undefined && length <= maxLength) return payload;
    if (member === undefined) throw new SessionTooLongError(slim, length, maxLength);
    slim = { ...slim, clientInfo: without(slim.clientInfo, member) };
  }
  throw new TypeError("sealing a session: found nothing left to leave out, want an id or a refusal");
}

export interface OpenSessionOptions extends OpenOptions {
  /** What is known of sessions opened before, whose objects are taken for what clients say of themselves. */
  readonly forms?: SessionForms;
}

/** The session of an id, and the key that sealed it. Never throws; looks at no clock. */
export function openSession(ring: KeyRing, text: string, options: OpenSessionOptions = {}): OpenSessionResult {
  const opened = openInPlace(ring, "session", text, options);
  if (!opened.ok) return opened;
  const session = (options.forms ?? new SessionForms()).decode(opened.bytes, opened.from, opened.to);
  return session === undefined ? WRONG_SHAPE : { ok: true, session, key: opened.key };
}

/** A fresh {@link SealedSession.sid}. */
export function newSid(random: RandomBytes): string {
  return Buffer.from(random(16)).toString("base64url");
}

const WRONG_SHAPE = { ok: false, reason: "shape" } as const;

function encodePayload(session: SealedSession): Uint8Array {
  return Buffer.from(encodeSession(session));
}

function without(object: JsonObject, member: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== member));
}
