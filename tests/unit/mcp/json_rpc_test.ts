// lib/mcp/json_rpc.ts and json_scan.ts: what counts as one message, and what is refused before anybody acts on it.
import assert from "node:assert/strict";
import { SignetError } from "../../../lib/errors.ts";
import { errorResponse, idKey, parseMessage } from "../../../lib/mcp/json_rpc.ts";
import { STRICT } from "../../support/strict.ts";

const encoder = new TextEncoder();

function parse(text: string, maxDepth = 64) {
  return parseMessage(encoder.encode(text), { maxDepth });
}

function refuses(code: string, text: string | Uint8Array, maxDepth = 64): void {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  assert.throws(
    () => parseMessage(bytes, { maxDepth }),
    (error) => error instanceof SignetError && error.code === code,
    `want ${code} for ${typeof text === "string" ? text : "bytes"}`,
  );
}

Deno.test("parseMessage returns a request when a method and an id are there", STRICT, () => {
  assert.deepEqual(parse('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}'), {
    kind: "request",
    id: 7,
    method: "tools/call",
    params: { name: "x" },
  });
});

Deno.test("parseMessage returns a notification when there is no id", STRICT, () => {
  assert.deepEqual(parse(' {"jsonrpc":"2.0","method":"notifications/initialized"}\n'), {
    kind: "notification",
    method: "notifications/initialized",
    params: undefined,
  });
});

Deno.test("parseMessage returns a response when there is a result, or an error with or without an id", STRICT, () => {
  const result = parse('{"jsonrpc":"2.0","id":"a","result":{}}');
  assert.ok(result.kind === "response" && result.id === "a" && result.error === undefined);
  const error = parse('{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}');
  assert.ok(error.kind === "response" && error.id === null && error.error?.code === -1);
});

Deno.test("parseMessage keeps ids of different types apart", STRICT, () => {
  const number = parse('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  const text = parse('{"jsonrpc":"2.0","id":"1","method":"ping"}');
  assert.ok(number.kind === "request" && text.kind === "request");
  assert.notEqual(number.id, text.id);
  assert.notEqual(idKey(number.id), idKey(text.id));
});

Deno.test("12: parseMessage returns a batch in its order when the body is an array", STRICT, () => {
  const batch = parse('[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"method":"b"}]');
  assert.ok(batch.kind === "batch");
  assert.deepEqual(batch.messages.map((message) => message.kind), ["notification", "request"]);
});

Deno.test("parseMessage refuses what is not JSON with parse_error", STRICT, () => {
  for (
    const text of ["", "{", "nonsense", '{"jsonrpc":"2.0",}', '{"a":1}{"b":2}', "\ufeff{}", '{"a":"\n"}', "{'a':1}"]
  ) {
    refuses("parse_error", text);
  }
});

Deno.test("parseMessage refuses bytes that are not UTF-8 with parse_error", STRICT, () => {
  refuses("parse_error", Uint8Array.from([0x22, 0xff, 0x22]));
  refuses("parse_error", Uint8Array.from([0x22, 0xc0, 0xaf, 0x22])); // overlong
  refuses("parse_error", Uint8Array.from([0x22, 0xed, 0xa0, 0x80, 0x22])); // surrogate
});

const NOT_JSON_RPC = [
  "1",
  "null",
  '"text"',
  "[]",
  "[1]",
  "[[]]",
  "{}",
  '{"id":1,"method":"ping"}',
  '{"jsonrpc":2.0,"id":1,"method":"ping"}',
  '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
  '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
  '{"jsonrpc":"2.0","id":true,"method":"ping"}',
  '{"jsonrpc":"2.0","id":{},"method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":""}',
  '{"jsonrpc":"2.0","id":1,"method":null}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":null}',
  '{"jsonrpc":"2.0","id":1,"method":"a","result":{}}',
  '{"jsonrpc":"2.0","id":1,"method":"a","error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":3}',
  '{"jsonrpc":"2.0","id":null,"result":{}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
];

Deno.test("parseMessage refuses what is JSON but no JSON-RPC 2.0 with invalid_request", STRICT, () => {
  for (const text of NOT_JSON_RPC) refuses("invalid_request", text);
});

Deno.test("M3: parseMessage refuses nesting beyond the cap and takes nesting at the cap", STRICT, () => {
  const nested = (depth: number) =>
    `{"jsonrpc":"2.0","method":"a","params":{"x":${"[".repeat(depth - 2)}${"]".repeat(depth - 2)}}}`;
  assert.equal(parse(nested(8), 8).kind, "notification");
  refuses("invalid_request", nested(9), 8);
  refuses("invalid_request", "[".repeat(1_000_000));
});

Deno.test("M3: parseMessage counts no brackets that stand in strings", STRICT, () => {
  assert.equal(parse('{"jsonrpc":"2.0","method":"[[[[{{{{\\"[[[[\\\\"}', 2).kind, "notification");
});

Deno.test("parseMessage refuses a member name that another parser could read differently", STRICT, () => {
  for (
    const text of [
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","\\u006dethod":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"re\u017fult":{},"result":{}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"k":1,"k":2}}}',
      '[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"a","method":"b"}]',
    ]
  ) refuses("invalid_request", text);
});

Deno.test(
  "parseMessage takes equal names in different objects, and names that differ in case in arguments",
  STRICT,
  () => {
    for (
      const text of [
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":{"a":1,"A":2},"_meta":{"a":1}}}',
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"list":[{"x":1},{"x":2}]}}',
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"method":"b","id":2}}',
        '{"jsonrpc":"2.0","id":1,"method":"method","params":{"a":"a","b":"a"}}',
      ]
    ) assert.equal(parse(text).kind, "request");
  },
);

Deno.test("errorResponse writes code, message, data and a null id where there is none", STRICT, () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(
    text(errorResponse("a", -32001, "Session not found")),
    '{"jsonrpc":"2.0","id":"a","error":{"code":-32001,"message":"Session not found"}}',
  );
  assert.deepEqual(JSON.parse(text(errorResponse(null, -32022, "m", { supported: ["x"] }))), {
    jsonrpc: "2.0",
    id: null,
    error: { code: -32022, message: "m", data: { supported: ["x"] } },
  });
});
