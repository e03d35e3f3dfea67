// What is added to one request stands behind everything else of its head, and leaves what is kept of the head as it is.
import assert from "node:assert/strict";
import { SentHeads } from "../../../../lib/http1/client/sent_heads.ts";
import { type ClientRequestHead, newMadeHead } from "../../../../lib/http1/types.ts";
import { type Head, headLength, placeHead } from "../../../../lib/http1/wire/ready_head.ts";
import { STRICT } from "../../../support/strict.ts";

function read(head: Head, bodyLength: number): string {
  const buffer = new Uint8Array(headLength(head, bodyLength));
  placeHead(head, bodyLength, buffer);
  return new TextDecoder("latin1").decode(buffer);
}

const LONG = `Bearer ${"t".repeat(80)}`;
const ADDED = ["traceparent", "00-1-2-01"];
const lines = (...more: string[]) =>
  ["POST /mcp HTTP/1.1", "host: h", ...more, "content-length: 5", "", ""].join("\r\n");

Deno.test("a field that is added stands behind all others, and in no other request", STRICT, () => {
  const kinds: readonly (readonly [ClientRequestHead, string])[] = [
    [{ method: "POST", target: "/mcp", fields: ["host", "h", "a", "short"] }, "a: short"],
    [{ method: "POST", target: "/mcp", fields: ["host", "h", "a", LONG] }, `a: ${LONG}`],
    [{ method: "POST", target: "/mcp", fields: ["host", "h", "a", LONG], made: newMadeHead(false) }, `a: ${LONG}`],
  ];
  for (const [head, line] of kinds) {
    for (const changing of [undefined, ["session", "one"], ["session", "two"]]) {
      const heads = new SentHeads();
      const plain = changing === undefined ? { ...head } : { ...head, made: head.made && newMadeHead(false), changing };
      const more = changing === undefined ? [] : [`session: ${changing[1]}`];
      // The first times something is kept, later it is found.
      for (let time = 0; time < 4; time++) {
        const added = heads.format({ ...plain, added: ADDED }, 5);
        assert.equal(read(added, 5), lines(line, ...more, "traceparent: 00-1-2-01"), `added, ${time}`);
        assert.equal(read(heads.format(plain, 5), 5), lines(line, ...more), `plain, ${time}`);
      }
    }
  }
});

Deno.test("what is kept of a head is the same object after one with a field more", STRICT, () => {
  const heads = new SentHeads();
  const head = {
    method: "POST",
    target: "/mcp",
    fields: ["host", "h"],
    made: newMadeHead(false),
    changing: ["s", "1"],
  };
  heads.format(head, 5);
  heads.format(head, 5);
  const known = heads.format(head, 5);
  heads.format({ ...head, added: ADDED }, 5);
  assert.equal(heads.format(head, 5), known);
});

Deno.test("what is added is sent only if it can be", STRICT, () => {
  const heads = new SentHeads();
  for (const made of [undefined, newMadeHead(false)]) {
    const head = { method: "POST", target: "/mcp", fields: ["host", "h", "a", LONG], made };
    assert.throws(() => heads.format({ ...head, added: ["traceparent", "a\r\nb: c"] }, 5), TypeError);
    assert.throws(() => heads.format({ ...head, added: ["connection", "x"] }, 5), TypeError);
  }
});
