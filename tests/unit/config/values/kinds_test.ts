import assert from "node:assert/strict";
import { boolean, choice, headerName, quoted, scope, string } from "../../../../lib/config/values/kinds.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemOf, valueOf } from "../parsed.ts";

Deno.test("choice keeps numbers as numbers and names all choices when none fits", STRICT, () => {
  const kind = choice([404, 410]);
  assert.equal(valueOf(kind, "410"), 410);
  assert.equal(problemOf(kind, "418"), '"418" is not known. Write one of 404, 410.');
  assert.notEqual(problemOf(kind, "0404"), "");
});

Deno.test("boolean reads the usual words and nothing else", STRICT, () => {
  for (const text of ["true", "TRUE", "yes", "on", "1"]) assert.equal(valueOf(boolean, text), true, text);
  for (const text of ["false", "no", "Off", "0"]) assert.equal(valueOf(boolean, text), false, text);
  for (const text of ["", "2", "maybe", "tru"]) assert.match(problemOf(boolean, text), /neither true nor false/, text);
});

Deno.test("headerName takes a token and lower-cases it", STRICT, () => {
  assert.equal(valueOf(headerName, "X-Tenant"), "x-tenant");
  for (const text of ["", "x y", "x:", "x-tenant: 1", "é", "x\r\ny", "x".repeat(129)]) {
    assert.match(problemOf(headerName, text), /is not a header name/, JSON.stringify(text));
  }
});

Deno.test("string refuses blanks", STRICT, () => {
  assert.equal(valueOf(string, " a "), " a ");
  assert.match(problemOf(string, "  "), /blank/);
});

Deno.test("quoted shortens, and writes out control characters and what nobody would see", STRICT, () => {
  assert.equal(quoted("a\x1b[31m\nb"), '"a\\u001b[31m\\nb"');
  assert.equal(quoted("jwt\u200b"), '"jwt\\u200b"');
  assert.equal(quoted("x".repeat(100)).length, 48);
});

Deno.test("scope reads RFC 6749 scope tokens, separated by blanks or commas", STRICT, () => {
  for (const text of ["mcp:tools", "a", "https://x.example/read", "!#[]~"]) assert.equal(valueOf(scope, text), text);
  for (const text of ["", "a b", 'a"b', "a\\b", "é", "a\n", "x".repeat(257)]) {
    assert.notEqual(problemOf(scope, text), "", text);
  }
  assert.deepEqual("a b,c".split(scope.separator!), ["a", "b", "c"]);
});
