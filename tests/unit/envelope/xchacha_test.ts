import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { nativeXChaCha, nobleXChaCha, type XChaCha, xchacha } from "../../../lib/envelope/xchacha.ts";
import { STRICT } from "../../support/strict.ts";
import published from "../../vectors/published/xchacha20_poly1305.json" with { type: "json" };

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const implementations: [string, XChaCha][] = [["native", nativeXChaCha], ["noble", nobleXChaCha]];

const { aead } = published;
const params = {
  key: bytes(aead.key),
  nonce: bytes(aead.nonce),
  associatedData: bytes(aead.associatedData),
};
const sealed = bytes(aead.ciphertext + aead.tag);

Deno.test("E1: xchacha is the native cipher where the runtime has one, as Deno does", STRICT, () => {
  assert.equal(xchacha, nativeXChaCha);
});

for (const [name, cipher] of implementations) {
  Deno.test(`E1: ${name} XChaCha20-Poly1305 encrypts the published vector`, STRICT, () => {
    assert.deepEqual(Uint8Array.from(cipher.encrypt(params, bytes(aead.plaintext))), sealed);
  });

  Deno.test(`E1: ${name} XChaCha20-Poly1305 decrypts the published vector`, STRICT, () => {
    assert.deepEqual(Uint8Array.from(cipher.decrypt(params, sealed)!), bytes(aead.plaintext));
  });

  Deno.test(`E8: ${name} XChaCha20-Poly1305 gives undefined when any one bit is flipped`, STRICT, () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Uint8Array.from(sealed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(cipher.decrypt(params, flipped), undefined, `bit ${bit}`);
    }
  });

  Deno.test(
    `E8: ${name} XChaCha20-Poly1305 gives undefined for another key, nonce or associated data`,
    STRICT,
    () => {
      for (const member of ["key", "nonce", "associatedData"] as const) {
        for (let at = 0; at < params[member].length; at++) {
          const other = Uint8Array.from(params[member]);
          other[at]! ^= 0x80;
          assert.equal(cipher.decrypt({ ...params, [member]: other }, sealed), undefined, `${member}, byte ${at}`);
        }
      }
    },
  );

  Deno.test(`E8: ${name} XChaCha20-Poly1305 gives undefined when there is no room for a tag`, STRICT, () => {
    for (let length = 0; length < 16; length++) {
      assert.equal(cipher.decrypt(params, sealed.subarray(0, length)), undefined);
    }
  });
}

Deno.test(
  "E1: native and noble XChaCha20-Poly1305 give the same bytes at every length around the blocks",
  STRICT,
  () => {
    for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1000, 3000]) {
      const plaintext = Uint8Array.from({ length }, (_, i) => i * 7);
      const native = nativeXChaCha.encrypt(params, plaintext);
      assert.deepEqual(Uint8Array.from(native), Uint8Array.from(nobleXChaCha.encrypt(params, plaintext)));
      assert.deepEqual(nativeXChaCha.decrypt(params, native), plaintext);
      assert.deepEqual(nobleXChaCha.decrypt(params, native), plaintext);
    }
  },
);

Deno.test("E1: XChaCha20-Poly1305 put together of noble's pieces gives what noble's own whole gives", STRICT, () => {
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 300, 4095, 4096, 4097, 9000, 1]) {
    for (const adLength of [0, 1, 13, 16, 17]) {
      const plaintext = Uint8Array.from({ length }, (_, i) => i * 7);
      const given = { ...params, associatedData: Uint8Array.from({ length: adLength }, (_, i) => i * 5) };
      const own = nobleXChaCha.encrypt(given, plaintext);
      assert.deepEqual(own, xchacha20poly1305(given.key, given.nonce, given.associatedData).encrypt(plaintext));
      assert.deepEqual(nobleXChaCha.decrypt(given, own), plaintext);
      assert.equal(nobleXChaCha.decrypt({ ...given, associatedData: Uint8Array.of(9) }, own), undefined);
    }
  }
});

Deno.test("E1: what XChaCha20-Poly1305 gives is the caller's own: the next call does not change it", STRICT, () => {
  for (const [name, cipher] of implementations) {
    const first = cipher.encrypt(params, bytes(aead.plaintext));
    const opened = cipher.decrypt(params, sealed)!;
    cipher.decrypt(params, cipher.encrypt(params, new Uint8Array(aead.plaintext.length / 2)));
    assert.deepEqual(Uint8Array.from(first), sealed, name);
    assert.deepEqual(Uint8Array.from(opened), bytes(aead.plaintext), name);
  }
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
  for (const [name, cipher] of implementations) {
    assert.deepEqual(Uint8Array.from(cipher.decrypt(elsewhere, shifted(sealed))!), bytes(aead.plaintext), name);
  }
});
