// What a message is about, for whoever observes: its method, and the tool, prompt or resource it names. Out of the scan
// that has judged it already; the few texts that come again and again are made once.
import { ownText } from "../../platform/memory/own_text.ts";
import { PARAMS, slotOf } from "../scan/message_members.ts";
import { firstByte, has, METHOD, type Scanned, valueOf } from "./message_shape.ts";

/** Longer ones are cut: what is remembered of an exchange is bounded (M6). In characters. */
const MAX_CHARACTERS = 1024;

const NAME = slotOf(PARAMS, "name"), URI = slotOf(PARAMS, "uri");
const QUOTE = 0x22, BACKSLASH = 0x5c;

/** Of what is known of an exchange, the part that its message says. */
export interface Subject {
  method: string | undefined;
  name: string | undefined;
  uri: string | undefined;
}

/** Notes what the message is about that has just been scanned, and found to be one. */
export function noteSubject(scanned: Scanned, into: Subject): void {
  into.method = textAt(scanned, METHOD);
  into.name = textAt(scanned, NAME);
  into.uri = shortenedUri(textAt(scanned, URI));
}

/** Fit to be remembered of an exchange; undefined of what is no text. */
export function shortened(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return value.length <= MAX_CHARACTERS ? value : ownText(`${value.slice(0, MAX_CHARACTERS)}…`);
}

/** What may be user info or not (RFC 3986 §3.2.1): nobody sees its end. */
const CUT_AUTHORITY = /:\/\/[^/?#]*…$/;

/** The same of an address: of user info that is cut in half nothing would say any more what it is. */
export function shortenedUri(value: unknown): string | undefined {
  const text = shortened(value);
  return text !== undefined && text.length > MAX_CHARACTERS ? text.replace(CUT_AUTHORITY, "://…") : text;
}

/** Places for texts met before: as many as a server has tools, give or take. A text that finds its place taken takes it. */
const PLACES = 256;
/** Longer texts are made anew. In bytes. */
const MAX_KEPT = 64;

interface Kept {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const kept: (Kept | undefined)[] = new Array(PLACES).fill(undefined);

function textAt(scanned: Scanned, slot: number): string | undefined {
  if (!has(scanned, slot) || firstByte(scanned, slot) !== QUOTE) return undefined;
  const { bytes, scan } = scanned;
  const start = scan.starts[slot]! + 1, end = scan.ends[slot]! - 1;
  if (end - start > MAX_KEPT) return shortened(valueOf(scanned, slot));
  let hash = end - start;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === BACKSLASH || byte >= 0x80) return shortened(valueOf(scanned, slot));
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const place = hash & (PLACES - 1);
  const known = kept[place];
  if (known !== undefined && isSame(known.bytes, bytes, start, end)) return known.text;
  const text = valueOf(scanned, slot) as string;
  kept[place] = { bytes: bytes.slice(start, end), text };
  return text;
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
