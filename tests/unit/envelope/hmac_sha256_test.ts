// HMAC-SHA-256 against the vectors of RFC 4231 and the runtime's own.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { HmacSha256, PAD_BYTES } from "../../../lib/envelope/hmac_sha256.ts";
import { STRICT } from "../../support/strict.ts";

function macOf(key: Uint8Array, message: Uint8Array): string {
  const from = PAD_BYTES + 3;
  const room = new Uint8Array(from + message.length + 7);
  room.set(message, from);
  return Buffer.from(new HmacSha256(key).of(room, from + message.length, from)).toString("hex");
}

Deno.test("E4: a MAC is that of RFC 4231", STRICT, () => {
  const cases = [
    [
      Buffer.alloc(20, 0x0b),
      Buffer.from("Hi There"),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ],
    [
      Buffer.from("Jefe"),
      Buffer.from("what do ya want for nothing?"),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
  ] as const;
  for (const [key, message, mac] of cases) assert.equal(macOf(key, message), mac);
});

Deno.test("E4: a MAC is the runtime's, of whatever length key and message are", STRICT, () => {
  for (const keyBytes of [0, 1, 32, 64]) {
    for (const bytes of [0, 1, 55, 56, 64, 1000, 70_000]) {
      const key = Buffer.alloc(keyBytes, 7), message = Buffer.alloc(bytes, 3);
      assert.equal(macOf(key, message), createHmac("sha256", key).update(message).digest("hex"));
    }
  }
  assert.throws(() => new HmacSha256(new Uint8Array(65)), RangeError);
});

Deno.test("E4: one MAC after the other, under one key, each stands by itself", STRICT, () => {
  const mac = new HmacSha256(Buffer.alloc(32, 1));
  const room = new Uint8Array(PAD_BYTES + 10);
  const first = Buffer.from(mac.of(room, PAD_BYTES + 10)).toString("hex");
  mac.of(room, PAD_BYTES + 3);
  assert.equal(Buffer.from(mac.of(room, PAD_BYTES + 10)).toString("hex"), first);
});
