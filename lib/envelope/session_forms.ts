// Payloads of session ids that say what one before them said but for whose session it is, when it was opened and what its
// server calls it: nearly all, since clients and servers are of few kinds. Such a one is read where it lies, in a tenth of
// what its JSON takes; whatever is not so plain is parsed. What is read is what `decodeSession` reads, to the letter.
import { decodeLatin1, equalBytes } from "../http1/wire/latin1.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import { ClientKinds } from "./client_kinds.ts";
import type { OwnerFingerprint } from "./owner_fingerprint.ts";
import { decodeSession, type SealedSession } from "./session_payload.ts";

/** What payloads have in common: all but sid, owner, times, and the id at the one server. */
interface Form {
  /** From behind the times up to that id. */
  readonly before: Uint8Array;
  /** From behind it to the end. */
  readonly after: Uint8Array;
  readonly url: string;
  readonly said: Pick<SealedSession, "protocolVersion" | "clientInfo" | "capabilities">;
  readonly home: string | undefined;
}

/** If as many take turns, they are found all the same. */
const MOST_FORMS = 8;
/** Characters of a payload: what says more is rarely said twice. */
const LONGEST = 2048;

/** `["`, sid, `","`, owner, `",`, and then two numbers, each with a comma. */
const SID_AT = 2, NAME_CHARS = 22;
const OWNER_AT = SID_AT + NAME_CHARS + 3;
const TIMES_AT = OWNER_AT + NAME_CHARS + 2;
const [BRACKET, QUOTE, COMMA, BACKSLASH, ZERO, NINE] = [0x5b, 0x22, 0x2c, 0x5c, 0x30, 0x39] as const;
/** Fewer than a safe integer may have. */
const MOST_DIGITS = 15;

/** 1: a character of base64url; 3: one that may be the last of 16 bytes, which has two bits. */
const IN_NAME = new Uint8Array(256);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") IN_NAME[char.charCodeAt(0)] = 1;
for (const char of "AQgw") IN_NAME[char.charCodeAt(0)] = 3;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class SessionForms {
  /** What all sessions' clients say of themselves: those that are decoded share it already. */
  readonly kinds = new ClientKinds();
  readonly #forms: Form[] = [];
  /** The last one: many sessions are one caller's. */
  #owner = "" as OwnerFingerprint;
  // Where the numbers of a payload end, and what they say: of the last `#readTimes`.
  #timesEnd = 0;
  #issuedAtMs = 0;
  #lifetimeMs = 0;

  /** The session whose payload is `bytes` from `from` to `to`; undefined if its shape is another. */
  decode(bytes: Uint8Array, from: number, to: number): SealedSession | undefined {
    const isPlain = this.#readTimes(bytes, from, to);
    return (isPlain ? this.#ofForm(bytes, from, to) : undefined) ?? this.#parse(bytes, from, to, isPlain);
  }

  #ofForm(bytes: Uint8Array, from: number, to: number): SealedSession | undefined {
    const at = this.#timesEnd;
    for (const { before, after, said, url, home } of this.#forms) {
      const idAt = at + before.length, idEnd = to - after.length;
      if (idAt > idEnd || !equalBytes(before, 0, before.length, bytes, at)) continue;
      if (!equalBytes(after, 0, after.length, bytes, idEnd) || !isPlainText(bytes, idAt, idEnd)) continue;
      const session = {
        sid: decodeLatin1(bytes, from + SID_AT, from + SID_AT + NAME_CHARS),
        owner: this.#ownerAt(bytes, from + OWNER_AT),
        issuedAtMs: this.#issuedAtMs,
        expiresAtMs: this.#issuedAtMs + this.#lifetimeMs,
        protocolVersion: said.protocolVersion,
        clientInfo: said.clientInfo,
        capabilities: said.capabilities,
        upstreams: { [url]: { [SESSION_ID_FIELD]: decodeLatin1(bytes, idAt, idEnd) } },
      };
      return home === undefined ? session : { ...session, home };
    }
    return undefined;
  }

  #ownerAt(bytes: Uint8Array, at: number): OwnerFingerprint {
    const known = this.#owner;
    let i = 0;
    while (i < known.length && known.charCodeAt(i) === bytes[at + i]) i++;
    if (i === NAME_CHARS) return known;
    return this.#owner = decodeLatin1(bytes, at, at + NAME_CHARS) as OwnerFingerprint;
  }

  /** @param isPlain whether the times have been read */
  #parse(bytes: Uint8Array, from: number, to: number, isPlain: boolean): SealedSession | undefined {
    let text: string;
    try {
      text = UTF8.decode(bytes.subarray(from, to));
    } catch {
      return undefined; // not UTF-8
    }
    const session = decodeSession(text, this.kinds);
    if (session !== undefined && isPlain && text.length <= LONGEST) this.#learn(session, bytes, to);
    return session;
  }

  /** Keeps what the payload has in common with others, if it is in the usual form. */
  #learn(session: SealedSession, bytes: Uint8Array, to: number): void {
    const { protocolVersion, clientInfo, capabilities, home, upstreams } = session;
    const [url, ...otherUrls] = Object.keys(upstreams);
    if (url === undefined || otherUrls.length > 0) return;
    const [name, ...otherNames] = Object.keys(upstreams[url]!);
    if (name !== SESSION_ID_FIELD || otherNames.length > 0) return;
    const encoder = new TextEncoder();
    const id = encoder.encode(upstreams[url]![SESSION_ID_FIELD]);
    const after = encoder.encode(`"}}${home === undefined ? "" : `,${JSON.stringify(home)}`}]`);
    // The colon tells that the quote is the one that begins the last string.
    const opening = encoder.encode(`:{"${SESSION_ID_FIELD}":"`);
    const idEnd = to - after.length, idAt = idEnd - id.length, openingAt = idAt - opening.length;
    if (openingAt < this.#timesEnd || !isPlainText(id, 0, id.length)) return;
    const isUsual = equalBytes(opening, 0, opening.length, bytes, openingAt) &&
      equalBytes(id, 0, id.length, bytes, idAt) && equalBytes(after, 0, after.length, bytes, idEnd);
    if (!isUsual) return;
    const said = { protocolVersion, clientInfo, capabilities };
    const before = bytes.slice(this.#timesEnd, idAt);
    if (this.#forms.unshift({ before, after, url, said, home }) > MOST_FORMS) this.#forms.pop();
  }

  /** Whether the payload begins with two names and two numbers as they are written; notes the numbers. */
  #readTimes(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from < TIMES_AT || bytes[from] !== BRACKET || bytes[from + 1] !== QUOTE) return false;
    const ownerAt = from + OWNER_AT;
    if (bytes[ownerAt - 3] !== QUOTE || bytes[ownerAt - 2] !== COMMA || bytes[ownerAt - 1] !== QUOTE) return false;
    if (!isName(bytes, from + SID_AT) || !isName(bytes, ownerAt)) return false;
    const timesAt = from + TIMES_AT;
    if (bytes[timesAt - 2] !== QUOTE || bytes[timesAt - 1] !== COMMA) return false;
    const comma = digitsEnd(bytes, timesAt, to);
    const end = comma < 0 ? -1 : digitsEnd(bytes, comma + 1, to);
    if (end < 0) return false;
    this.#issuedAtMs = numberIn(bytes, timesAt, comma);
    this.#lifetimeMs = numberIn(bytes, comma + 1, end);
    this.#timesEnd = end;
    return true;
  }
}

/** Whether base64url of 16 bytes stands there. */
function isName(bytes: Uint8Array, at: number): boolean {
  const last = at + NAME_CHARS - 1;
  for (let i = at; i < last; i++) if (IN_NAME[bytes[i]!] === 0) return false;
  return IN_NAME[bytes[last]!] === 3;
}

/** Where the number ends that a comma follows; −1 if it is none, or written in another way than JSON's. */
function digitsEnd(bytes: Uint8Array, at: number, to: number): number {
  let end = at;
  while (end < to && bytes[end]! >= ZERO && bytes[end]! <= NINE) end++;
  const isNumber = end > at && end - at <= MOST_DIGITS && (bytes[at] !== ZERO || end === at + 1);
  return isNumber && end < to && bytes[end] === COMMA ? end : -1;
}

function numberIn(bytes: Uint8Array, at: number, end: number): number {
  let number = 0;
  for (let i = at; i < end; i++) number = number * 10 + bytes[i]! - ZERO;
  return number;
}

/** Whether what stands there is what a string of JSON says by it: printable ASCII without quotes and backslashes. */
function isPlainText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}
