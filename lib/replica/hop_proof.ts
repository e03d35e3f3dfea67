// What replicas prove to each other: that a request passed on, or a question whether somebody lives, comes from a holder of
// the ring, is meant for this very process, and is new (docs/behaviour.md R2).
// A proof covers all that the receiver will act on: method, target, every field, the body's digest, the client's address,
// the receiver's address and process. Clocks do not matter: a process has a random name, and counts what it sends.
import { Buffer } from "node:buffer";
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import type { FieldList } from "../http1/types.ts";
import { type Bytes, inspectBytes } from "../http1/wire/borrowed.ts";
import { createHash, timingSafeEqual } from "../platform/builtin.ts";

/** The field that proofs travel in. It never passes to or from anybody else. */
export const HOP_FIELD = "signet-hop";

/** Names of processes, challenges and proofs: base64url. */
const NAME = /^[\w-]{22}$/;
const PROOF = /^[\w-]{43}$/;
const COUNT = /^(0|[1-9]\d{0,14})$/;
/** Or {@link NONE}; with the zone that a link-local one has. */
const ADDRESS = /^[0-9a-fA-F.:-]{1,64}(?:%[\w.-]{1,32})?$/;
/** Where there is no body, or no address. */
const NONE = "-";

/** What a request passed on says of itself. */
export interface HopClaim {
  /** The process it is meant for. */
  readonly instance: string;
  /** The process that sends it, and the how manieth it is. */
  readonly sender: string;
  readonly count: number;
  /** Address of the client it comes from; empty where that has none. */
  readonly client: string;
  /** Of the body; see {@link digestOfBody}. */
  readonly bodyDigest: string;
}

/** What the receiver sees of it. */
export interface HopRequest {
  /** Address that the receiver goes by. */
  readonly to: string;
  readonly method: string;
  readonly target: string;
  /** End-to-end fields, but for {@link HOP_FIELD}. */
  readonly fields: FieldList;
}

export function digestOfBody(body: Bytes | undefined): string {
  if (body === undefined || body.length === 0) return NONE;
  return inspectBytes(body, (bytes) => createHash("sha256").update(bytes).digest("base64url"), undefined);
}

/** The field of a request passed on. */
export function proveHop(key: MasterKey, claim: HopClaim, request: HopRequest): string {
  const words = ["1", key.id, ...wordsOf(claim)];
  return [...words, macOf(key, ["hop", ...words, ...partsOf(request)])].join(" ");
}

/** What it claims, if that is proven; undefined if it is not, or is no claim at all. */
export function readHop(ring: KeyRing, field: string, request: HopRequest): HopClaim | undefined {
  const words = field.split(" ");
  const [version, keyId = "", instance = "", sender = "", count = "", client = "", bodyDigest = "", proof = ""] = words;
  if (words.length !== 8 || version !== "1" || !NAME.test(instance) || !NAME.test(sender)) return undefined;
  if (!COUNT.test(count) || !ADDRESS.test(client) || !(bodyDigest === NONE || PROOF.test(bodyDigest))) return undefined;
  const key = keyOf(ring, keyId);
  if (key === undefined || !isProof(key, proof, ["hop", ...words.slice(0, 7), ...partsOf(request)])) return undefined;
  return { instance, sender, count: Number(count), client: client === NONE ? "" : client, bodyDigest };
}

/** The field of a question: who is there, at `to`? */
export function proveQuestion(key: MasterKey, { to, challenge }: { to: string; challenge: string }): string {
  const words = ["1", key.id, "who", challenge];
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
  if (words.length !== 5 || version !== "1" || who !== "who" || !NAME.test(challenge)) return undefined;
  const key = keyOf(ring, keyId);
  if (key === undefined || !isProof(key, proof, [...words.slice(0, 4), to])) return undefined;
  return { challenge, key };
}

/** The field of the answer: this process. */
export function proveAnswer(
  key: MasterKey,
  { to, challenge, instance }: { to: string; challenge: string; instance: string },
): string {
  return ["1", instance, macOf(key, ["here", instance, challenge, to])].join(" ");
}

/** The process that answers; undefined if it has proven nothing. */
export function readAnswer(
  key: MasterKey,
  field: string,
  { to, challenge }: { to: string; challenge: string },
): string | undefined {
  const [version, instance = "", proof = "", ...more] = field.split(" ");
  if (version !== "1" || more.length > 0 || !NAME.test(instance)) return undefined;
  return isProof(key, proof, ["here", instance, challenge, to]) ? instance : undefined;
}

function wordsOf({ instance, sender, count, client, bodyDigest }: HopClaim): string[] {
  return [instance, sender, String(count), client === "" ? NONE : client, bodyDigest];
}

function partsOf({ to, method, target, fields }: HopRequest): string[] {
  return [to, method, target, ...fields];
}

function keyOf(ring: KeyRing, id: string): MasterKey | undefined {
  return /^[0-9a-f]{8}$/.test(id) ? ring.find(Number.parseInt(id, 16)) : undefined;
}

/** Each part behind its length, so that no other parts give the same input. Strings are latin1, as fields are. */
function macOf(key: MasterKey, parts: readonly string[]): string {
  let text = "";
  for (const part of parts) text += `${part.length}:${part}`;
  return hmacSha256(key.hopKey, Buffer.from(text, "latin1"));
}

const BLOCK_BYTES = 64;
const pads = new WeakMap<Uint8Array, readonly [inner: Uint8Array, outer: Uint8Array]>();

/**
 * RFC 2104, over the runtime's SHA-256: its own HMAC takes ten times as long on Deno. @param key at most a block long
 * @returns base64url
 */
export function hmacSha256(key: Uint8Array, text: Uint8Array): string {
  let pair = pads.get(key);
  if (pair === undefined) pads.set(key, pair = [padded(key, 0x36), padded(key, 0x5c)]);
  const inner = createHash("sha256").update(pair[0]).update(text).digest();
  return createHash("sha256").update(pair[1]).update(inner).digest("base64url");
}

function padded(key: Uint8Array, value: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key);
  return block.map((byte) => byte ^ value);
}

function isProof(key: MasterKey, proof: string, parts: readonly string[]): boolean {
  if (!PROOF.test(proof)) return false;
  return timingSafeEqual(Buffer.from(proof), Buffer.from(macOf(key, parts)));
}
