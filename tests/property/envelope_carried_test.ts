// What clients bring back, sealed by the program and by the second implementation of the format, and changed at random.
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type CarriedKind, open, seal, sealedLength } from "../../lib/envelope/carried_seal.ts";
import { KeyRing, MasterKey } from "../../lib/envelope/key_ring.ts";
import { STRICT } from "../support/strict.ts";
import { sealCarriedText } from "../vectors/reference.ts";

const MASTER = new Uint8Array(32).fill(5);
const ring = new KeyRing([new MasterKey(MASTER)]);
const kinds = fc.constantFrom<CarriedKind>("request-state", "task", "cursor");
const plaintexts = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 4000, maxLength: 6000 }));
const sealed = (kind: CarriedKind, plaintext: Uint8Array) =>
  seal(ring.active, kind, plaintext.length, (room, at) => room.set(plaintext, at));
const any = { minBytes: 0, maxBytes: 6000, judge: () => undefined };

Deno.test("E1: whatever is sealed is what the format says, as long as it says, and opens again", STRICT, () => {
  fc.assert(fc.property(kinds, plaintexts, (kind, plaintext) => {
    const text = sealed(kind, plaintext);
    assert.equal(text, sealCarriedText(MASTER, kind, plaintext));
    assert.equal(text.length, sealedLength(plaintext.length));
    const opened = open(ring, kind, text, any);
    assert.deepEqual(opened.ok && new Uint8Array(opened.plaintext), plaintext);
  }));
});

Deno.test("S1: no text but the one that was sealed opens, and none makes opening throw", STRICT, () => {
  const character = fc.oneof(fc.constantFrom("A", "-", "_", "+", "/", "=", " ", "\u0141"), fc.string({ maxLength: 2 }));
  fc.assert(fc.property(kinds, plaintexts, fc.nat(), fc.nat(3), character, (kind, plaintext, at, cut, put) => {
    const text = sealed(kind, plaintext);
    const from = at % (text.length + 1);
    const changed = text.slice(0, from) + put + text.slice(from + cut);
    if (changed === text) return;
    assert.equal(open(ring, kind, changed, any).ok, false, changed);
  }));
});

Deno.test("S1: a text of nobody's is refused, whatever it is", STRICT, () => {
  fc.assert(fc.property(kinds, fc.string({ unit: "binary", maxLength: 300 }), (kind, text) => {
    assert.equal(open(ring, kind, text, any).ok, false);
    const encoded = Buffer.from(text).toString("base64url");
    assert.equal(open(ring, kind, encoded, any).ok, false);
  }));
});
