import assert from "node:assert/strict";
import { decodeHeaderValue, encodeHeaderValue } from "../../../../lib/mcp/eras/header_value.ts";
import { STRICT } from "../../../support/strict.ts";

for (const text of ["t-1", "a b", "=?base64?x", "~!", "{}"]) {
  Deno.test(`encodeHeaderValue leaves ${JSON.stringify(text)} as it is`, STRICT, () => {
    assert.equal(encodeHeaderValue(text), text);
  });
}

for (const text of ["", " a", "a ", "tä", "a\nb", "\t", "=?base64?dA==?=", "\u{1f4da}"]) {
  Deno.test(`encodeHeaderValue encodes ${JSON.stringify(text)}, and decodeHeaderValue reads it`, STRICT, () => {
    assert.match(encodeHeaderValue(text), /^=\?base64\?.*\?=$/);
    assert.equal(decodeHeaderValue(encodeHeaderValue(text)), text);
  });
}
