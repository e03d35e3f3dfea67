// A head that is kept says what it said before, and holds on to nothing of the bytes it came in.
import assert from "node:assert/strict";
import { DEFAULT_HEAD_LIMITS } from "../../../../../lib/http1/wire/fields/fields_parse.ts";
import { sharedText } from "../../../../../lib/http1/wire/fields/shared_texts.ts";
import { parseRequestHead } from "../../../../../lib/http1/wire/heads/head.ts";
import { settleHead } from "../../../../../lib/http1/wire/heads/settled_head.ts";
import { STRICT } from "../../../../support/strict.ts";

const HEAD = "GET /mcp?a=b HTTP/1.1\r\nHost: one.test\r\nAuthorization: Bearer " + "t".repeat(300) +
  "\r\nX-Odd: caf\xe9\r\nAccept: text/event-stream\r\n\r\n";

Deno.test("settleHead changes no text of a head, latin1 and repeated ones included", STRICT, () => {
  const [head, same] = [parseRequestHead(HEAD, DEFAULT_HEAD_LIMITS), parseRequestHead(HEAD, DEFAULT_HEAD_LIMITS)];
  const { fields } = head;
  settleHead(head, [undefined, `Bearer ${"t".repeat(300)}`, "not in there"]);
  assert.deepEqual(head, same);
  assert.equal(head.fields, fields, "whoever has the list has the texts where they lie now");
  settleHead(head, []);
  assert.deepEqual(head, same);
});

Deno.test("sharedText is the same text whatever was asked for before, however much", STRICT, () => {
  for (const text of ["", "a", "caf\xe9", "x".repeat(127), "x".repeat(129)]) assert.equal(sharedText(text), text);
  for (let i = 0; i < 3000; i++) assert.equal(sharedText(`text ${i}`), `text ${i}`);
  assert.equal(sharedText("a"), "a");
});
