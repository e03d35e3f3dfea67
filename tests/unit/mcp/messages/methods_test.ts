import assert from "node:assert/strict";
import {
  MCP_METHODS,
  methodNumber,
  methodNumberAt,
  METHODS,
  OTHER_METHOD,
  transportNumber,
} from "../../../../lib/mcp/messages/methods.ts";
import { STRICT } from "../../../support/strict.ts";

const at = (name: string) => {
  const bytes = new TextEncoder().encode(`xx"${name}"yy`);
  return methodNumberAt(bytes, 2, bytes.length - 2);
};

Deno.test("every method has one row, by its text and by its bytes", STRICT, () => {
  assert.equal(new Set(METHODS).size, METHODS.length);
  for (const name of MCP_METHODS) {
    assert.equal(METHODS[methodNumber(name)], name);
    assert.equal(at(name), methodNumber(name));
  }
});

Deno.test("what is no method of MCP's is other, also where it is called as a row is", STRICT, () => {
  for (const name of ["", "tools/cal", "tools/calL", "tools/call ", "GET", "unread", "batch", "é", "x".repeat(1000)]) {
    assert.equal(methodNumber(name), OTHER_METHOD, name);
    assert.equal(at(name), OTHER_METHOD, name);
  }
});

Deno.test("a method that is spelt with escapes is the one it spells", STRICT, () => {
  assert.equal(METHODS[at("tools\\/call")], "tools/call");
  assert.equal(METHODS[at("\\u0070ing")], "ping");
  assert.equal(METHODS[at("\\u0070in")], "other");
});

Deno.test("what has no message is counted under its HTTP method, of which there are few", STRICT, () => {
  const rows = ["GET", "DELETE", "OPTIONS", "POST", "BREW"].map((method) => METHODS[transportNumber(method)]);
  assert.deepEqual(rows, ["GET", "DELETE", "OPTIONS", "unread", "unread"]);
});
