// Properties of lib/envelope/seal.ts: only the exact text, under its ring, for its purpose, opens; nothing throws.
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { encodeBase62 } from "../../lib/envelope/base62.ts";
import { KeyRing, MasterKey } from "../../lib/envelope/key_ring.ts";
import { open, type Purpose, seal } from "../../lib/envelope/seal.ts";
import { encrypt } from "../../lib/envelope/xchacha.ts";
import { decodeBase62 } from "../support/base62.ts";
import { decrypt } from "../support/decrypt.ts";
import { STRICT } from "../support/strict.ts";
import { sealText } from "../vectors/reference.ts";

const PURPOSES: Purpose[] = ["session", "event", "task", "cursor", "rpc-id"];
const purpose = fc.constantFrom(...PURPOSES);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const master = bytes(32);
const plaintext = fc.uint8Array({ maxLength: 400 });
const ringOf = (...masters: Uint8Array[]) => new KeyRing(masters.map((bytes) => new MasterKey(bytes)));

Deno.test("E1: seal agrees with the reference for any key, purpose and plaintext, and opens again", STRICT, () => {
  fc.assert(
    fc.property(master, purpose, plaintext, (master, purpose, plaintext) => {
      const ring = ringOf(master);
      const text = seal(ring.active, purpose, plaintext);
      assert.equal(text, sealText(master, purpose, plaintext).text);
      const opened = open(ring, purpose, text);
      assert(opened.ok);
      assert.equal(opened.key, ring.active);
      assert.deepEqual(Uint8Array.from(opened.plaintext), plaintext);
    }),
    { numRuns: 200 },
  );
});

Deno.test("E8: an envelope with any bits flipped does not open", STRICT, () => {
  const flips = fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(master, plaintext, flips, (master, plaintext, flips) => {
      const ring = ringOf(master);
      const envelope = decodeBase62(seal(ring.active, "session", plaintext))!;
      const before = Buffer.from(envelope);
      for (const flip of flips) envelope[(flip >> 3) % envelope.length]! ^= 1 << (flip & 7);
      // Two flips may have met in one bit.
      fc.pre(!before.equals(envelope));
      assert.equal(open(ring, "session", encodeBase62(envelope)).ok, false);
    }),
    { numRuns: 500 },
  );
});

Deno.test("E8: an envelope cut, extended or with bytes swapped does not open", STRICT, () => {
  const edit = fc.oneof(
    fc.nat().map((n) => (envelope: Buffer) => envelope.subarray(0, n % envelope.length)),
    fc.nat().map((n) => (envelope: Buffer) => envelope.subarray(1 + n % (envelope.length - 1))),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => (envelope: Buffer) => Buffer.concat([envelope, more])),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => (envelope: Buffer) => Buffer.concat([more, envelope])),
    fc.nat().map((n) => (envelope: Buffer) => {
      const at = n % (envelope.length - 1);
      const swapped = Buffer.from(envelope);
      [swapped[at], swapped[at + 1]] = [envelope[at + 1]!, envelope[at]!];
      return swapped;
    }),
  );
  fc.assert(
    fc.property(master, plaintext, edit, (master, plaintext, edit) => {
      const ring = ringOf(master);
      const envelope = Buffer.from(decodeBase62(seal(ring.active, "session", plaintext))!);
      const edited = edit(envelope);
      fc.pre(!edited.equals(envelope));
      assert.equal(open(ring, "session", encodeBase62(edited)).ok, false);
    }),
    { numRuns: 500 },
  );
});

Deno.test("E4: version and key id swapped for others do not open, even those the ring knows", STRICT, () => {
  fc.assert(
    fc.property(master, master, plaintext, fc.nat(255), (a, b, plaintext, version) => {
      fc.pre(new MasterKey(a).idWord !== new MasterKey(b).idWord && version !== 1);
      const ring = ringOf(a, b);
      const envelope = Buffer.from(decodeBase62(seal(ring.keys[0]!, "session", plaintext))!);
      const otherKey = Buffer.from(envelope);
      otherKey.writeUInt32BE(ring.keys[1]!.idWord, 1);
      assert.deepEqual(open(ring, "session", encodeBase62(otherKey)), { ok: false, reason: "tag" });
      const otherVersion = Buffer.from(envelope);
      otherVersion[0] = version;
      assert.deepEqual(open(ring, "session", encodeBase62(otherVersion)), { ok: false, reason: "version" });
    }),
    { numRuns: 200 },
  );
});

Deno.test("E4 E5: a text opens for no other purpose and under no ring without its key", STRICT, () => {
  fc.assert(
    fc.property(master, master, plaintext, purpose, purpose, (a, b, plaintext, sealedFor, askedFor) => {
      fc.pre(!Buffer.from(a).equals(b));
      const text = seal(new MasterKey(a), sealedFor, plaintext);
      assert.equal(open(ringOf(a), askedFor, text).ok, sealedFor === askedFor);
      assert.equal(open(ringOf(b), sealedFor, text).ok, false);
    }),
    { numRuns: 300 },
  );
});

Deno.test("E8: open refuses any other text than the sealed one, and never throws", STRICT, () => {
  const ring = ringOf(new Uint8Array(32).fill(7));
  const sealed = seal(ring.active, "session", Buffer.from("a plaintext"));
  const near = fc.tuple(fc.nat(sealed.length), fc.nat(3), fc.string({ unit: "binary", maxLength: 3 })).map(
    ([at, removed, inserted]) => sealed.slice(0, at) + inserted + sealed.slice(at + removed),
  );
  const text = fc.oneof(near, fc.string({ unit: "binary", maxLength: 200 }), fc.base64String({ maxLength: 5000 }));
  fc.assert(
    fc.property(text, (text) => {
      assert.equal(open(ring, "session", text).ok, text === sealed);
    }),
    { numRuns: 800 },
  );
});

Deno.test("E1: the cipher agrees with noble's on any input, and on what is refused", STRICT, () => {
  const params = fc.record({ key: master, nonce: bytes(24), associatedData: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(params, plaintext, fc.nat(), (params, plaintext, flip) => {
      const sealed = encrypt(params, plaintext);
      assert.deepEqual(sealed, xchacha20poly1305(params.key, params.nonce, params.associatedData).encrypt(plaintext));
      assert.deepEqual(decrypt(params, sealed), plaintext);
      const flipped = Uint8Array.from(sealed);
      flipped[flip % flipped.length]! ^= 1;
      assert.equal(decrypt(params, flipped), undefined);
    }),
    { numRuns: 1000 },
  );
});
