// What the time tells of a state that is refused: texts of one length that differ in what is wrong with them, by turns, each
// as the call of a stateless client to its answer, in this process and without sockets, and opened by itself beside one that
// is taken. One of them is there twice: what sets the two apart is noise.
import type { KeyRing } from "../../lib/envelope/key_ring.ts";

/** By case: what one took, µs, in each of the rounds. */
export interface RefusalTimes {
  readonly answers: Readonly<Record<string, readonly number[]>>;
  readonly opened: Readonly<Record<string, readonly number[]>>;
}

export interface Refusing {
  /** The checkout that is measured. */
  readonly folder: string;
  readonly ring: KeyRing;
  /** A state that is taken, for the request that `ask` makes. */
  readonly text: string;
  /** Resolves when the call that brings this state has been answered. */
  readonly ask: (text: string) => Promise<void>;
  readonly rounds: number;
}

/** Calls of one case in one go: long enough for the clock. */
const CALLS = 25;
const OWNER_AT = 1, UPSTREAM_AT = 17, EXPIRY_AT = 25, BINDING_AT = 30, TOKEN_AT = 46;

type Carried = typeof import("../../lib/envelope/carried_seal.ts");
type Keys = typeof import("../../lib/envelope/key_ring.ts");

function changed(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => i === at ? byte ^ 1 : byte);
}

/** Texts that are refused, by what is wrong with them. */
function refusedTexts({ open, seal }: Carried, { MasterKey }: Keys, { ring, text }: Refusing): Record<string, string> {
  const opened = open(ring, "request-state", text, { minBytes: 0, maxBytes: 1 << 16, judge: () => undefined });
  if (!opened.ok) throw new Error(`opening a state of ours: found ${opened.reason}`);
  const plaintext = Uint8Array.from(opened.plaintext);
  const sealed = (bytes: Uint8Array, key = ring.active) =>
    seal(key, "request-state", bytes.length, (room, at) => room.set(bytes, at));
  const envelope = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  const encoded = (bytes: Uint8Array) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const expired = plaintext.slice();
  expired.fill(0, EXPIRY_AT, BINDING_AT)[BINDING_AT - 1] = 1;
  const half = text.length >> 1;
  return {
    "another owner's": sealed(changed(plaintext, OWNER_AT)),
    "another owner's, again": sealed(changed(plaintext, OWNER_AT)),
    "another server's": sealed(changed(plaintext, UPSTREAM_AT)),
    "expired": sealed(expired),
    "for another tool or arguments": sealed(changed(plaintext, BINDING_AT)),
    "another form": sealed(changed(plaintext, 0)),
    "first byte flipped": encoded(changed(envelope, 5)),
    "middle byte flipped": encoded(changed(envelope, envelope.length >> 1)),
    "last byte flipped": encoded(changed(envelope, envelope.length - 1)),
    "token's first byte flipped": encoded(changed(envelope, 21 + TOKEN_AT)),
    "of a removed key": sealed(plaintext, new MasterKey(new Uint8Array(32).fill(3))),
    "of another version": encoded(changed(envelope, 0)),
    "no base64url": `${text.slice(0, half)}!${text.slice(half + 1)}`,
    "another end": `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`,
    "cut by four characters": text.slice(0, -4),
  };
}

export async function timeRefusals(refusing: Refusing): Promise<RefusalTimes> {
  const { folder, ring, text, ask, rounds } = refusing;
  const carried: Carried = await import(`${folder}/lib/envelope/carried_seal.ts`);
  const texts = Object.entries(refusedTexts(carried, await import(`${folder}/lib/envelope/key_ring.ts`), refusing));
  const value: typeof import("../../lib/envelope/carried_value.ts") = await import(
    `${folder}/lib/envelope/carried_value.ts`
  );
  const { ok, at } = boundLike(carried, refusing);
  const answers = Object.fromEntries(texts.map(([name]) => [name, [] as number[]]));
  const opened = Object.fromEntries(["taken", ...Object.keys(answers)].map((name) => [name, [] as number[]]));
  if (!ok) throw new Error("binding to what a state is bound to: found another form");
  for (let round = -rounds >> 2; round < rounds; round++) {
    // From another one each time: whoever comes first pays for what was left behind.
    for (let i = 0; i < texts.length; i++) {
      const [name, refused] = texts[(i + Math.max(0, round)) % texts.length]!;
      const start = performance.now();
      for (let call = 0; call < CALLS; call++) await ask(refused);
      if (round >= 0) answers[name]!.push((performance.now() - start) * 1000 / CALLS);
    }
    for (const [name, one] of [["taken", text] as const, ...texts]) {
      const start = performance.now();
      for (let call = 0; call < CALLS; call++) value.openCarried(ring, "request-state", one, at);
      if (round >= 0) opened[name]!.push((performance.now() - start) * 1000 / CALLS);
    }
  }
  return { answers, opened };
}

/** What the state that is taken is bound to, out of itself. */
function boundLike({ open }: Carried, { ring, text }: Refusing) {
  const opened = open(ring, "request-state", text, { minBytes: 0, maxBytes: 1 << 16, judge: () => undefined });
  const bytes = opened.ok ? Uint8Array.from(opened.plaintext) : new Uint8Array(TOKEN_AT);
  const owner = bytes.slice(OWNER_AT, UPSTREAM_AT).toBase64({ alphabet: "base64url", omitPadding: true });
  const binding = bytes.slice(BINDING_AT, TOKEN_AT);
  const at = {
    ownerUnder: () => owner as import("../../lib/envelope/owner_fingerprint.ts").OwnerFingerprint,
    upstream: bytes.slice(UPSTREAM_AT, EXPIRY_AT),
    binding: () => binding,
    nowS: Math.floor(Date.now() / 1000),
  };
  return { ok: opened.ok, at };
}
