// What replicas prove to each other: that a request passed on, or a question whether somebody lives, comes from a holder of
// the ring, is meant for this very process, and is new (docs/behaviour.md R2).
// A proof covers all that the receiver will act on: method, target, every field, the body's digest, the client's address,
// the receiver's address and process. Clocks do not matter: a process has a random name, and counts what it sends.
// What requests of one client have in common is digested once, by either end: a hop costs a MAC over little, the session's
// id and the body's digest.
import { Buffer } from "node:buffer";
import { HmacSha256, PAD_BYTES } from "../envelope/hmac_sha256.ts";
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import type { Fields } from "../http1/types.ts";
import type { Allowance } from "../http1/wire/fields/fields_parse.ts";
import { asciiBytes, encodeLatin1, keepLatin1 } from "../http1/wire/latin1.ts";
import { type Bytes, inspectBytes } from "../http1/wire/streams/borrowed.ts";
import { hash, timingSafeEqual } from "../platform/runtime/builtin.ts";

/** The field that says whom a request is passed on by and for, and that questions and answers travel in. */
export const HOP_FIELD = "signet-hop";
/** The field that proves it, another in each. Neither ever passes to or from anybody else. */
export const HOP_PROOF_FIELD = "signet-hop-proof";

/**
 * What a request may have grown by on its way from another replica, so that what is not too large at one is not too large at
 * any: the two fields, those of a trace in head and body, spelling and framing as this program writes them. A request that
 * says it was passed on and proves it not is refused, whatever it holds.
 */
export const HOP_ALLOWANCE: Allowance = { field: HOP_FIELD, headBytes: 2048, bodyBytes: 1024, fields: 8 };

/** Of this form. Replicas of another take each other for dead: what they are asked they bring to themselves. */
const VERSION = "3";
/** Names of processes and challenges: base64url. */
const NAME = /^[\w-]{22}$/;
/** Digests and MACs: hex. */
const DIGEST = /^[0-9a-f]{64}$/;
const COUNT_DIGITS = 15;
const PROOF_LENGTH = COUNT_DIGITS + 64 + 64;
/** Or {@link NONE}; with the zone that a link-local one has. */
const ADDRESS = /^[0-9a-fA-F.:-]{1,64}(?:%[\w.-]{1,32})?$/;
const PEER_ADDRESS = /^https?:\/\/[\w.:[\]-]{1,300}$/;
/** Where there is no address. */
const NONE = "-";

/** What all requests that one process passes on to another for one client say of themselves. */
export interface HopOrigin {
  /** The process it is meant for. */
  readonly instance: string;
  /** The process that sends it, and the address that it goes by. */
  readonly sender: string;
  readonly from: string;
  /** Address of the client it comes from; empty where that has none. */
  readonly client: string;
}

/** What one of them says. */
export interface HopClaim extends HopOrigin {
  /** What it is proven by: of the ring that there was then. */
  readonly key: MasterKey;
  /** The how manieth it is of those that its sender has sent. */
  readonly count: number;
  /** Of the body; see {@link digestOfBody}. */
  readonly bodyDigest: string;
}

/** What the receiver sees of it but for its body. */
export interface HopRequest {
  /** Address that the receiver goes by. */
  readonly to: string;
  readonly method: string;
  readonly target: string;
  /** End-to-end fields, but for the two of hops and the session's id. */
  readonly fields: Fields;
}

/** What each request with such a head says besides, and a proof of it covers. */
export interface HopMessage {
  readonly count: number;
  /** Of the body; see {@link digestOfBody}. */
  readonly bodyDigest: string;
  /** What Mcp-Session-Id says; undefined where it is not there. */
  readonly sessionId: string | undefined;
}

const NO_BODY = new Uint8Array(0);

/** SHA-256, in hex. */
export function digestOfBody(body: Bytes = NO_BODY): string {
  return inspectBytes(body, (bytes) => hash("sha256", bytes), undefined);
}

/** The head of requests passed on, and who passes them on: what is proven of each is proven together with it. */
export class HopHead {
  readonly origin: HopOrigin;
  /** What {@link HOP_FIELD} says. */
  readonly field: string;
  /** Held by the ring, or not any more: whoever keeps this asks again. */
  readonly key: MasterKey;
  readonly #digest: Uint8Array;
  /** Of it and a session's id: most requests are of the session that the last one was of. */
  #ofSession: { readonly id: string; readonly digest: Uint8Array } | undefined;

  constructor(key: MasterKey, origin: HopOrigin, { to, method, target, fields }: HopRequest) {
    const { instance, sender, from, client } = origin;
    this.key = key;
    this.origin = origin;
    this.field = [VERSION, key.id, instance, sender, from, client === "" ? NONE : client].join(" ");
    this.#digest = hash("sha256", keepLatin1(framed([this.field, to, method, target, ...fields])), "buffer");
  }

  /** What {@link HOP_PROOF_FIELD} says. */
  prove({ count, bodyDigest, sessionId }: HopMessage): string {
    const said = String(count).padStart(COUNT_DIGITS, "0") + bodyDigest;
    return said + this.#macOf(said, sessionId);
  }

  /** What a request with this head claims, if that is proven. @param sessionId see {@link HopMessage} */
  read(proof: string, sessionId: string | undefined): HopClaim | undefined {
    if (proof.length !== PROOF_LENGTH) return undefined;
    const said = proof.slice(0, COUNT_DIGITS + 64);
    if (!isEqual(proof.slice(COUNT_DIGITS + 64), this.#macOf(said, sessionId))) return undefined;
    const { instance, sender, from, client } = this.origin;
    const [count, bodyDigest] = [Number(said.slice(0, COUNT_DIGITS)), said.slice(COUNT_DIGITS)];
    return { key: this.key, instance, sender, from, client, count, bodyDigest };
  }

  #macOf(said: string, sessionId: string | undefined): string {
    MESSAGE.set(sessionId === undefined ? this.#digest : this.#digestWith(sessionId), DIGEST_AT);
    encodeLatin1(said, SAID);
    return macUnder(this.key, MESSAGE);
  }

  #digestWith(id: string): Uint8Array {
    if (this.#ofSession?.id === id) return this.#ofSession.digest;
    const text = keepLatin1(OF_SESSION + id);
    const whole = new Uint8Array(DIGEST_BYTES + text.length);
    whole.set(this.#digest);
    whole.set(text, DIGEST_BYTES);
    const digest: Uint8Array = hash("sha256", whole, "buffer");
    this.#ofSession = { id, digest };
    return digest;
  }
}

/** Between the head's digest and the id. */
const OF_SESSION = " session ";

/** Told from all questions and answers, which are framed and begin with a digit. */
const LABEL = asciiBytes("hop ");
const DIGEST_BYTES = 32;
const DIGEST_AT = PAD_BYTES + LABEL.length;
/** One for all: a proof is made in one go. */
const MESSAGE = new Uint8Array(DIGEST_AT + DIGEST_BYTES + COUNT_DIGITS + 64);
const SAID = MESSAGE.subarray(DIGEST_AT + DIGEST_BYTES);
MESSAGE.set(LABEL, PAD_BYTES);

/** The head of requests that say `field` of themselves; undefined if that is no claim, or of another ring. */
export function readHopHead(ring: KeyRing, field: string, request: HopRequest): HopHead | undefined {
  const words = field.split(" ");
  const [version, keyId = "", instance = "", sender = "", from = "", client = ""] = words;
  if (words.length !== 6 || version !== VERSION || !NAME.test(instance) || !NAME.test(sender)) return undefined;
  const key = keyOf(ring, keyId);
  if (key === undefined || !PEER_ADDRESS.test(from) || !ADDRESS.test(client)) return undefined;
  return new HopHead(key, { instance, sender, from, client: client === NONE ? "" : client }, request);
}

/** The field of a question: who is there, at `to`? */
export function proveQuestion(key: MasterKey, { to, challenge }: { to: string; challenge: string }): string {
  const words = [VERSION, key.id, "who", challenge];
  return [...words, macOf(key, [...words, to])].join(" ");
}

/** Its challenge and the key it is proven with; undefined if it is none. */
export function readQuestion(
  ring: KeyRing,
  field: string,
  to: string,
): { readonly challenge: string; readonly key: MasterKey } | undefined {
  const words = field.split(" ");
  const [version, keyId = "", who, challenge = "", proof = ""] = words;
  if (words.length !== 5 || version !== VERSION || who !== "who" || !NAME.test(challenge)) return undefined;
  const key = keyOf(ring, keyId);
  if (key === undefined || !isProof(key, proof, [...words.slice(0, 4), to])) return undefined;
  return { challenge, key };
}

/** The field of the answer: this process. */
export function proveAnswer(
  key: MasterKey,
  { to, challenge, instance }: { to: string; challenge: string; instance: string },
): string {
  return [VERSION, instance, macOf(key, ["here", instance, challenge, to])].join(" ");
}

/** The process that answers; undefined if it has proven nothing. */
export function readAnswer(
  key: MasterKey,
  field: string,
  { to, challenge }: { to: string; challenge: string },
): string | undefined {
  const [version, instance = "", proof = "", ...more] = field.split(" ");
  if (version !== VERSION || more.length > 0 || !NAME.test(instance)) return undefined;
  return isProof(key, proof, ["here", instance, challenge, to]) ? instance : undefined;
}

function keyOf(ring: KeyRing, id: string): MasterKey | undefined {
  return /^[0-9a-f]{8}$/.test(id) ? ring.find(Number.parseInt(id, 16)) : undefined;
}

/** Each part behind its length, so that no other parts give the same text. */
function framed(parts: readonly string[]): string {
  let text = "";
  for (const part of parts) text += `${part.length}:${part}`;
  return text;
}

/** Strings are latin1, as fields are. */
function macOf(key: MasterKey, parts: readonly string[]): string {
  const text = keepLatin1(framed(parts));
  const room = new Uint8Array(PAD_BYTES + text.length);
  room.set(text, PAD_BYTES);
  return macUnder(key, room);
}

/** Weak: a key that leaves the ring takes its own with it. */
const macs = new WeakMap<MasterKey, HmacSha256>();

/** In hex. @param room holds what is proven from {@link PAD_BYTES} on */
function macUnder(key: MasterKey, room: Uint8Array): string {
  let mac = macs.get(key);
  if (mac === undefined) macs.set(key, mac = new HmacSha256(key.hopKey));
  return mac.of(room, room.length).toHex();
}

function isProof(key: MasterKey, proof: string, parts: readonly string[]): boolean {
  return DIGEST.test(proof) && isEqual(proof, macOf(key, parts));
}

/** @param found may be anything as long as what is wanted */
function isEqual(found: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(found, "latin1"), Buffer.from(wanted, "latin1")];
  return one.length === other.length && timingSafeEqual(one, other);
}
