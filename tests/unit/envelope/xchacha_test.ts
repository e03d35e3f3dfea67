import { hchacha, xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import { type CipherParams, encrypt } from "../../../lib/envelope/xchacha.ts";
import { decrypt } from "../../support/decrypt.ts";
import { STRICT } from "../../support/strict.ts";
import published from "../../vectors/published/xchacha20_poly1305.json" with { type: "json" };

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

const { aead } = published;
const params = {
  key: bytes(aead.key),
  nonce: bytes(aead.nonce),
  associatedData: bytes(aead.associatedData),
};
const plaintext = bytes(aead.plaintext);
const sealed = bytes(aead.ciphertext + aead.tag);

/** By the runtime's own ChaCha20-Poly1305 under noble's subkey. */
function byNative({ key, nonce, associatedData }: CipherParams, plaintext: Uint8Array): Uint8Array {
  const words = (of: Uint8Array) => new Uint32Array(Uint8Array.from(of).buffer);
  const subkey = new Uint32Array(8);
  hchacha(words(Buffer.from("expand 32-byte k")), words(key), words(nonce.subarray(0, 16)), subkey);
  const inner = Buffer.concat([new Uint8Array(4), nonce.subarray(16)]);
  const cipher = createCipheriv("chacha20-poly1305", new Uint8Array(subkey.buffer), inner, { authTagLength: 16 });
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  return Uint8Array.from(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

Deno.test("E1: XChaCha20-Poly1305 encrypts and decrypts the published vector", STRICT, () => {
  assert.deepEqual(encrypt(params, plaintext), sealed);
  assert.deepEqual(decrypt(params, sealed), plaintext);
});

Deno.test("E8: XChaCha20-Poly1305 gives undefined when any one bit is flipped", STRICT, () => {
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Uint8Array.from(sealed);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(decrypt(params, flipped), undefined, `bit ${bit}`);
  }
});

Deno.test("E8: XChaCha20-Poly1305 gives undefined for another key, nonce or associated data", STRICT, () => {
  for (const member of ["key", "nonce", "associatedData"] as const) {
    for (let at = 0; at < params[member].length; at++) {
      const other = Uint8Array.from(params[member]);
      other[at]! ^= 0x80;
      assert.equal(decrypt({ ...params, [member]: other }, sealed), undefined, `${member}, byte ${at}`);
    }
  }
});

Deno.test("E8: XChaCha20-Poly1305 gives undefined when there is no room for a tag", STRICT, () => {
  for (let length = 0; length < 16; length++) {
    assert.equal(decrypt(params, sealed.subarray(0, length)), undefined);
  }
});

Deno.test("E1: XChaCha20-Poly1305 gives noble's bytes and the native cipher's at every length", STRICT, () => {
  const lengths = [...Array.from({ length: 340 }, (_, i) => i), 1000, 4079, 4080, 4095, 4096, 4097, 9000, 1];
  for (const length of lengths) {
    for (const adLength of [0, 1, 13, 16, 17]) {
      const plaintext = Uint8Array.from({ length }, (_, i) => i * 7);
      const given = { ...params, associatedData: Uint8Array.from({ length: adLength }, (_, i) => i * 5) };
      const own = encrypt(given, plaintext);
      assert.deepEqual(own, xchacha20poly1305(given.key, given.nonce, given.associatedData).encrypt(plaintext));
      assert.deepEqual(own, byNative(given, plaintext));
      assert.deepEqual(decrypt(given, own), plaintext);
      assert.equal(decrypt({ ...given, associatedData: Uint8Array.of(9) }, own), undefined);
    }
  }
});

Deno.test("E1: what XChaCha20-Poly1305 gives is the caller's own: the next call does not change it", STRICT, () => {
  const first = encrypt(params, plaintext);
  const opened = decrypt(params, sealed);
  decrypt(params, encrypt(params, new Uint8Array(plaintext.length)));
  assert.deepEqual(first, sealed);
  assert.deepEqual(opened, plaintext);
});

Deno.test("E1: XChaCha20-Poly1305 reads its inputs at any alignment", STRICT, () => {
  const shifted = (source: Uint8Array) => {
    const memory = new Uint8Array(source.length + 3);
    memory.set(source, 3);
    return memory.subarray(3);
  };
  const elsewhere = {
    key: shifted(params.key),
    nonce: shifted(params.nonce),
    associatedData: shifted(params.associatedData),
  };
  assert.deepEqual(decrypt(elsewhere, shifted(sealed)), plaintext);
  assert.deepEqual(encrypt(elsewhere, shifted(plaintext)), sealed);
});
