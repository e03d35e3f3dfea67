import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { chachaBlock, hchacha } from "../../../lib/envelope/chacha.ts";
import { STRICT } from "../../support/strict.ts";
import rfc8439 from "../../vectors/published/chacha20.json" with { type: "json" };
import draft from "../../vectors/published/xchacha20_poly1305.json" with { type: "json" };

/** Little-endian words. */
function words(hex: string): number[] {
  const bytes = Buffer.from(hex, "hex");
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(4 * i));
}

Deno.test("E1: chachaBlock gives every published block", STRICT, () => {
  for (const { where, key, nonce, counter, block } of rfc8439.blocks) {
    const state = Int32Array.from([...words(key), counter, ...words(nonce)]);
    const before = [...state];
    const found = new Int32Array(16);
    chachaBlock(state, found);
    assert.deepEqual([...found], words(block), where);
    assert.deepEqual([...state], before, "the state stays as it was");
  }
});

Deno.test("E1: hchacha gives the published subkey", STRICT, () => {
  const { key, nonce, subkey } = draft.hchacha20;
  const state = Int32Array.from([...words(key), ...words(nonce)]);
  hchacha(state, new Int32Array(16));
  assert.deepEqual([...state.subarray(0, 8)], words(subkey));
});
