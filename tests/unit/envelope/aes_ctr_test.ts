// AES-256 in counter mode against the vectors of NIST SP 800-38A and the runtime's own counter mode.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import { AesCtr, COUNTER_BYTES } from "../../../lib/envelope/aes_ctr.ts";
import { STRICT } from "../../support/strict.ts";

function streamOf(cipher: AesCtr, counter: Uint8Array, length: number): Buffer {
  // Not at the beginning, and with another behind it.
  const words = new Int32Array(2 + COUNTER_BYTES / 4 + 1).fill(-1);
  new Uint8Array(words.buffer).set(counter, 8);
  const { buffer, byteOffset } = cipher.stream(words, 2, length);
  return Buffer.from(buffer, byteOffset, length);
}

function runtimesOwn(key: Uint8Array, counter: Uint8Array, length: number): Buffer {
  const cipher = createCipheriv("aes-256-ctr", key, counter);
  return Buffer.concat([cipher.update(new Uint8Array(length)), cipher.final()]);
}

const KEY = Buffer.from("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "hex");
const COUNTER = Buffer.from("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "hex");

Deno.test("E4: a stream is that of SP 800-38A F.5.5", STRICT, () => {
  const plaintext = Buffer.from(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
    "hex",
  );
  const stream = streamOf(new AesCtr(KEY), COUNTER, plaintext.length);
  assert.equal(
    Buffer.from(plaintext.map((byte, i) => byte ^ stream[i]!)).toString("hex"),
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5" +
      "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
  );
});

Deno.test("E4: a stream is the runtime's, however long, one after the other under one key", STRICT, () => {
  const cipher = new AesCtr(KEY);
  const lengths = [...Array.from({ length: 301 }, (_, i) => i), 1023, 1024, 2047, 2048, 2049, 5000, 65_536, 66_001, 31];
  for (const length of lengths) {
    const counter = crypto.getRandomValues(new Uint8Array(COUNTER_BYTES));
    assert.deepEqual(streamOf(cipher, counter, length), runtimesOwn(KEY, counter, length), `${length}`);
  }
});

Deno.test("E4: a counter carries through all of its bytes, and around", STRICT, () => {
  const cipher = new AesCtr(KEY);
  for (let ones = 0; ones <= COUNTER_BYTES; ones++) {
    for (const last of [0xff, 0xfe, 0xf0]) {
      const counter = new Uint8Array(COUNTER_BYTES).fill(0x7e).fill(0xff, COUNTER_BYTES - ones);
      if (ones > 0) counter[COUNTER_BYTES - 1] = last;
      assert.deepEqual(
        streamOf(cipher, counter, 700),
        runtimesOwn(KEY, counter, 700),
        Buffer.from(counter).toString("hex"),
      );
    }
  }
});
