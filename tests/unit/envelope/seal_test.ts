import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { base62Length, encodeBase62 } from "../../../lib/envelope/base62.ts";
import { KeyRing, MasterKey, parseKeyRing } from "../../../lib/envelope/key_ring.ts";
import { DEFAULT_MAX_LENGTH, open, type Purpose, seal, sealedLength } from "../../../lib/envelope/seal.ts";
import { decodeBase62 } from "../../support/base62.ts";
import { STRICT } from "../../support/strict.ts";
import keys from "../../vectors/keys.json" with { type: "json" };
import vectors from "../../vectors/sealed.json" with { type: "json" };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Buffer.from(text, "hex");
const ring = parseKeyRing(keys[0]!.base64, "vectors");
const hello = Buffer.from("hello");

Deno.test("E1: seal gives the text of every committed vector", STRICT, () => {
  for (const { key, purpose, plaintext, text } of vectors.valid) {
    assert.equal(seal(parseKeyRing(key, "vectors").active, purpose as Purpose, bytes(plaintext)), text);
  }
});

Deno.test("E1: open gives the plaintext and the key of every committed vector", STRICT, () => {
  const all = parseKeyRing(keys.map(({ base64 }) => base64).join("\n"), "vectors");
  for (const { key, purpose, plaintext, text } of vectors.valid) {
    const opened = open(all, purpose as Purpose, text);
    assert(opened.ok);
    assert.equal(hex(opened.plaintext), plaintext);
    assert.equal(opened.key.id, parseKeyRing(key, "vectors").active.id);
  }
});

Deno.test("E8: open refuses every committed forgery for its reason", STRICT, () => {
  for (const { why, reason, text } of vectors.invalid) {
    assert.deepEqual(open(ring, "session", text), { ok: false, reason }, why);
  }
});

Deno.test("E1: seal gives only characters that a header and a URL take as they are", STRICT, () => {
  assert.match(seal(ring.active, "session", new Uint8Array(200)), /^[0-9a-zA-Z]+$/);
});

Deno.test("E4: a text opens for its own purpose and no other", STRICT, () => {
  const purposes: Purpose[] = ["session", "event", "task", "cursor", "rpc-id", "move", "revocation", "pool"];
  for (const sealedFor of purposes) {
    const text = seal(ring.active, sealedFor, hello);
    for (const purpose of purposes) {
      const opened = open(ring, purpose, text);
      assert.equal(opened.ok, purpose === sealedFor, `${sealedFor} as ${purpose}`);
      if (!opened.ok) assert.equal(opened.reason, "tag");
    }
  }
});

Deno.test(
  "E5: a text opens under any ring that still holds its key, and no longer when the key is gone",
  STRICT,
  () => {
    const [a, b] = [1, 2].map((fill) => new MasterKey(Buffer.alloc(32, fill)));
    const text = seal(a!, "session", hello);
    assert(open(new KeyRing([b!, a!]), "session", text).ok);
    assert.deepEqual(open(new KeyRing([b!]), "session", text), { ok: false, reason: "key" });
  },
);

Deno.test("E4: a text does not open under another key of the same id", STRICT, () => {
  const [a, b] = [967, 58557].map((value) => {
    const master = Buffer.alloc(32);
    master.writeUInt32LE(value);
    return new MasterKey(master);
  });
  assert.equal(a!.idWord, b!.idWord);
  assert.deepEqual(open(new KeyRing([b!]), "session", seal(a!, "session", hello)), { ok: false, reason: "tag" });
});

Deno.test("E7: open looks at no text longer than its cap, whatever stands in it", STRICT, () => {
  assert.equal(DEFAULT_MAX_LENGTH, 4096);
  const text = seal(ring.active, "session", hello);
  assert(open(ring, "session", text, { maxLength: text.length }).ok);
  assert.deepEqual(open(ring, "session", text, { maxLength: text.length - 1 }), { ok: false, reason: "length" });
  assert.deepEqual(open(ring, "session", "!".repeat(4097)), { ok: false, reason: "length" });
  assert.deepEqual(open(ring, "session", "!".repeat(4096)), { ok: false, reason: "alphabet" });
});

Deno.test("E7: open takes a text exactly at the default cap", STRICT, () => {
  let size = 0;
  while (sealedLength(size + 1) <= DEFAULT_MAX_LENGTH) size++;
  const text = seal(ring.active, "session", new Uint8Array(size));
  assert.equal(text.length, sealedLength(size));
  assert(open(ring, "session", text).ok);
});

Deno.test("E8: open refuses a text cut to any length", STRICT, () => {
  const text = seal(ring.active, "session", hello);
  for (let length = 0; length < text.length; length++) {
    assert.equal(open(ring, "session", text.slice(0, length)).ok, false, `${length} characters`);
  }
});

Deno.test("E8: open refuses every single character exchanged for another", STRICT, () => {
  const text = seal(ring.active, "session", hello);
  for (let at = 0; at < text.length; at++) {
    for (const char of ["0", "1", "a", "Z", "-", " ", "\0", "é", "\u{1f511}"]) {
      if (text[at] === char) continue;
      assert.equal(open(ring, "session", text.slice(0, at) + char + text.slice(at + 1)).ok, false, `${at}: ${char}`);
    }
  }
});

Deno.test("E8: open refuses every single bit flipped in the envelope", STRICT, () => {
  const envelope = decodeBase62(seal(ring.active, "session", hello))!;
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    const flipped = Uint8Array.from(envelope);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(open(ring, "session", encodeBase62(flipped)).ok, false, `bit ${bit}`);
  }
});

Deno.test("E1: sealedLength tells the length of the text for every size", STRICT, () => {
  for (let size = 0; size < 40; size++) {
    assert.equal(seal(ring.active, "event", new Uint8Array(size)).length, sealedLength(size));
    assert.equal(sealedLength(size), base62Length(45 + size));
  }
});

Deno.test("E1: seal gives nonces that differ when purpose, key or plaintext do", STRICT, () => {
  const nonceOf = (text: string) => hex(decodeBase62(text)!.subarray(5, 29));
  const other = new MasterKey(Buffer.alloc(32, 9));
  const nonces = [
    seal(ring.active, "session", hello),
    seal(ring.active, "event", hello),
    seal(other, "session", hello),
    seal(ring.active, "session", Buffer.from("hellp")),
  ].map(nonceOf);
  assert.equal(new Set(nonces).size, 4);
});

Deno.test("E1: a plaintext is not disturbed by what is sealed or opened after it", STRICT, () => {
  const text = seal(ring.active, "session", hello);
  const opened = open(ring, "session", text);
  assert(opened.ok);
  seal(ring.active, "session", Buffer.alloc(5, 0xff));
  open(ring, "session", seal(ring.active, "session", Buffer.alloc(5, 0xee)));
  assert.equal(Buffer.from(opened.plaintext).toString(), "hello");
});
