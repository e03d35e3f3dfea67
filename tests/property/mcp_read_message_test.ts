// Properties of lib/mcp/messages/read_message.ts: whatever comes, one of two refusals or a message; nothing that is legal is lost.
import fc from "fast-check";
import assert from "node:assert/strict";
import { SignetError } from "../../lib/errors.ts";
import { parseMessage } from "../../lib/mcp/messages/read_message.ts";
import { STRICT } from "../support/strict.ts";

const encoder = new TextEncoder();
const limits = { maxDepth: 32 };

function assertParsesOrRefuses(bytes: Uint8Array): void {
  try {
    parseMessage(bytes, limits);
  } catch (error) {
    assert.ok(error instanceof SignetError, String(error));
    assert.ok(error.code === "parse_error" || error.code === "invalid_request", error.code);
  }
}

Deno.test("parseMessage throws nothing but its two codes when bytes are arbitrary", STRICT, () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), assertParsesOrRefuses));
});

Deno.test("parseMessage throws nothing but its two codes when the text is nearly JSON", STRICT, () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    '"method"',
    '"id"',
    '"jsonrpc":"2.0"',
    "1",
    "null",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
    assertParsesOrRefuses(encoder.encode(parts.join("")));
  }));
});

Deno.test("parseMessage returns the very members when a request is legal", STRICT, () => {
  const id = fc.oneof(fc.string(), fc.maxSafeInteger());
  const argumentsOf = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }));
  fc.assert(fc.property(id, fc.string({ minLength: 1 }), argumentsOf, (id, method, args) => {
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params: { arguments: args, name: method } });
    const parsed = parseMessage(encoder.encode(text), limits);
    assert.deepEqual(parsed, { kind: "request", id, method, params: { name: method } });
  }));
});

Deno.test("parseMessage refuses a request when any of its names is repeated in any spelling", STRICT, () => {
  const spell = fc.constantFrom(
    (name: string) => name,
    (name: string) => name.toUpperCase(),
    (name: string) => "\\u" + name.charCodeAt(0).toString(16).padStart(4, "0") + name.slice(1),
  );
  fc.assert(fc.property(fc.constantFrom("jsonrpc", "id", "method", "params"), spell, (name, spell) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"a","params":{},"${spell(name)}":1}`;
    assert.throws(
      () => parseMessage(encoder.encode(text), limits),
      (error) => error instanceof SignetError && error.code === "invalid_request",
    );
  }));
});
