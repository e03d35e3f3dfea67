// A head that is written from its parts is the one that would be written whole.
import assert from "node:assert/strict";
import type { ReadyHead } from "../../../../lib/http1/types.ts";
import { formatRequestHead } from "../../../../lib/http1/wire/heads/head_format.ts";
import { keepLatin1 } from "../../../../lib/http1/wire/latin1.ts";
import { headLength, placeHead, readyHead } from "../../../../lib/http1/wire/ready_head.ts";
import { textOf } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";

const STEM = "POST /mcp HTTP/1.1\r\nhost: a\r\n";
const VALUES = ["", "x", "é".repeat(40), "a".repeat(64), "a".repeat(65), "s".repeat(404), `${"s".repeat(200)}é`];

function written(head: ReadyHead, bodyLength: number, before: number): string {
  const length = headLength(head, bodyLength);
  const buffer = new Uint8Array(before + length + 1).fill(0x23);
  placeHead(head, bodyLength, buffer.subarray(before));
  const text = textOf(buffer);
  assert.equal(text.slice(before + length), "#", "nothing is written beyond its length");
  return text.slice(before, before + length);
}

Deno.test("a ready head with further fields is written as it would be whole", STRICT, () => {
  for (const value of VALUES) {
    for (const length of [0, 7, 4095, 4096, 1e9]) {
      for (const fields of [[], ["mcp-session-id", value], ["mcp-session-id", value, "x-other", "y", "z", value]]) {
        const whole = formatRequestHead("POST", "/mcp", ["host", "a", ...fields], length);
        const head = fields.length > 0 ? { bytes: keepLatin1(STEM), fields } : readyHead(STEM);
        assert.equal(headLength(head, length), whole.length);
        for (const before of [0, 5]) assert.equal(written(head, length, before), whole);
      }
    }
  }
});
