// Reading, filtering and taking apart header fields.
import assert from "node:assert/strict";
import {
  countField,
  detachText,
  fieldValue,
  isHopByHop,
  listElements,
  tokenList,
  withoutHopByHop,
} from "../../../../../lib/http1/wire/fields/fields.ts";
import { lowerCaseName } from "../../../../../lib/http1/wire/fields/fields_known.ts";
import { STRICT } from "../../../../support/strict.ts";

Deno.test("fieldValue returns the first value and countField all lines when a field is repeated", STRICT, () => {
  const fields = ["a", "b", "b", "1", "b", "2"];
  assert.equal(fieldValue(fields, "b"), "1");
  assert.equal(countField(fields, "b"), 2);
  assert.equal(fieldValue(fields, "1"), undefined);
  assert.equal(countField(fields, "1"), 0);
  assert.equal(fieldValue([], "a"), undefined);
});

Deno.test(
  "withoutHopByHop keeps order and end-to-end fields when it removes those of one connection",
  STRICT,
  () => {
    const fields = [
      ...["host", "a", "connection", "keep-alive", "keep-alive", "timeout=5", "te", "trailers", "accept", "x"],
      ...["transfer-encoding", "chunked", "content-length", "5", "upgrade", "h2c", "http2-settings", "AAA"],
      ...["proxy-connection", "close", "proxy-authorization", "Basic x", "trailer", "x", "expect", "100-continue"],
      ...["accept", "y", "authorization", "Bearer t"],
    ];
    const before = [...fields];
    assert.deepEqual(withoutHopByHop(fields), ["host", "a", "accept", "x", "accept", "y", "authorization", "Bearer t"]);
    assert.deepEqual(fields, before);
  },
);

Deno.test("withoutHopByHop removes what any Connection line names, before or after it, in any case", STRICT, () => {
  const fields = [
    "x-a",
    "1",
    "connection",
    "close, X-A ,,\tx-b",
    "x-b",
    "2",
    "connection",
    "x-c",
    "x-c",
    "3",
    "x-d",
    "4",
  ];
  assert.deepEqual(withoutHopByHop(fields), ["x-d", "4"]);
  // A value is no name, a part of a name is no name.
  assert.deepEqual(withoutHopByHop(["connection", "x", "x-a", "x", "ax", "y"]), ["x-a", "x", "ax", "y"]);
});

Deno.test("isHopByHop knows what the engine writes itself", STRICT, () => {
  for (const name of ["connection", "content-length", "transfer-encoding", "expect", "te"]) assert.ok(isHopByHop(name));
  for (const name of ["host", "content-type", "authorization", "mcp-session-id"]) assert.ok(!isHopByHop(name));
});

Deno.test("lowerCaseName takes no name for a known one when it only begins like it", STRICT, () => {
  const letters = "abcdefghijklmnopqrstuvwxyz-0123456789";
  for (const known of ["te", "age", "via", "host", "date", "vary", "accept", "expect"]) {
    assert.equal(lowerCaseName(known.toUpperCase(), 0, known.length), known);
    for (const first of letters) {
      for (const second of letters) {
        const name = known + first + second;
        assert.equal(lowerCaseName(`..${name.toUpperCase()}:`, 2, 2 + name.length), name);
        const other = first + second + known.slice(2);
        assert.equal(lowerCaseName(other, 0, other.length), other);
      }
    }
  }
});

Deno.test("listElements trims SP and HTAB only and skips empty elements", STRICT, () => {
  assert.deepEqual(listElements(" A ,\tb\t,, ,C d"), ["a", "b", "c d"]);
  assert.deepEqual(listElements("\x0ba"), ["\x0ba"]);
  assert.deepEqual(listElements(""), []);
});

Deno.test("tokenList refuses a list when one element is no token", STRICT, () => {
  assert.deepEqual(tokenList("Close, X-Y"), ["close", "x-y"]);
  assert.deepEqual(tokenList(""), []);
  for (const value of ["a b", "a;b", '"a"', "a, \xe9", "a\x00"]) assert.equal(tokenList(value), undefined, value);
});

Deno.test("detachText gives the same latin1 text, of any length, and again after others", STRICT, () => {
  const texts = ["", "a", "caf\xe9", "\xff".repeat(3), "x".repeat(4096), "x".repeat(4097), "\xe9".repeat(4096)];
  texts.push("x".repeat(4095) + "\xe9", "\xe9".repeat(5000));
  const detached = texts.map(detachText);
  assert.deepEqual(detached, texts);
});
