import assert from "node:assert/strict";
import {
  clientForLegacy,
  endOfSubscription,
  resultForModern,
  stamped,
  statusOfAnswer,
} from "../../../../lib/mcp/eras/between_eras.ts";
import { STRICT } from "../../../support/strict.ts";
import { EXACT } from "./exact_text.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const IDENTITY = { capabilities: {}, serverInfo: { name: "s", version: "1" }, instructions: undefined };

function parsed(text: Uint8Array) {
  return JSON.parse(decoder.decode(text));
}

Deno.test("PROTOCOL 24: tools of a server with sessions promise nothing of headers, nor of tasks", STRICT, () => {
  const inputSchema = {
    type: "object",
    properties: {
      a: { type: "string", "x-mcp-header": "A" },
      b: { type: "object", properties: { c: { "x-mcp-header": "C" } } },
    },
  };
  const tools = [{ name: "t", inputSchema, execution: { taskSupport: "optional" } }, { name: "u" }];
  const line = encoder.encode(JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } }));
  assert.deepEqual(parsed(resultForModern(line, "tools/list", IDENTITY)).result.tools, [
    {
      name: "t",
      inputSchema: {
        type: "object",
        properties: { a: { type: "string" }, b: { type: "object", properties: { c: {} } } },
      },
    },
    { name: "u" },
  ]);
});

Deno.test("PROTOCOL 32: the end of a subscription gets its id wherever it was left out", STRICT, () => {
  const id = encoder.encode('"mine"');
  const key = "io.modelcontextprotocol/subscriptionId";
  for (
    const [result, wanted] of [
      ["{}", { _meta: { [key]: "mine" } }],
      ['{"a":1}', { a: 1, _meta: { [key]: "mine" } }],
      ['{"_meta":null}', { _meta: { [key]: "mine" } }],
      ['{"_meta":{"b":2}}', { _meta: { b: 2, [key]: "mine" } }],
      [`{"_meta":{"${key}":7}}`, { _meta: { [key]: "mine" } }],
    ] as const
  ) {
    const line = encoder.encode(`{"jsonrpc":"2.0","id":"mine","result":${result}}`);
    assert.deepEqual(parsed(endOfSubscription(line, id)).result, wanted, result);
  }
});

Deno.test("PROTOCOL 25: 404 is for a method that nobody knows", STRICT, () => {
  const error = (code: number) => ({ error: { code, message: "" } });
  assert.equal(statusOfAnswer("tools/call", error(-32601)), 200);
  assert.equal(statusOfAnswer("vendor/thing", error(-32601)), 404);
  assert.equal(statusOfAnswer("tools/call", error(-32021)), 400);
  assert.equal(statusOfAnswer("tools/call", { result: {} }), 200);
});

Deno.test("S3: what a stateless client can do is said as a session's client says it", STRICT, () => {
  const _meta = {
    "io.modelcontextprotocol/clientInfo": { name: "c", version: "2" },
    "io.modelcontextprotocol/clientCapabilities": {
      elicitation: {},
      roots: { listChanged: true },
      extensions: {},
      x: 1,
    },
  };
  assert.deepEqual(clientForLegacy({ _meta }, {}), {
    clientInfo: { name: "c", version: "2" },
    capabilities: { elicitation: { form: {} }, roots: {}, x: 1 },
  });
  assert.deepEqual(clientForLegacy(undefined, { name: "o" }), { clientInfo: { name: "o" }, capabilities: {} });
});

Deno.test("S2: what a server with sessions has written of its tools crosses to the digit", STRICT, () => {
  for (
    const [written, wanted] of [
      [`{"name":"t",${EXACT}}`, `{"name":"t",${EXACT}}`],
      [`{"execution":{},"name":"t",${EXACT}}`, `{"name":"t",${EXACT}}`],
      [`{${EXACT},"execution":1,"execution":2}`, `{${EXACT}}`],
      [`{"execution":1 , "exec\\u0075tion":2}`, "{}"],
      [`{"execution":1,"x":{"execution":1},"execution":2,${EXACT},"execution":3}`, `{"x":{"execution":1},${EXACT}}`],
      [
        `{"inputSchema":{"x-mcp-header":"A",${EXACT},"properties":{"p":{"x-mcp-header":"B",${EXACT}},"x-mcp-header":{}}}}`,
        `{"inputSchema":{${EXACT},"properties":{"p":{${EXACT}},"x-mcp-header":{}}}}`,
      ],
      ['{"inputSchema":{"items":{"x-mcp-header":"A"}}}', '{"inputSchema":{"items":{"x-mcp-header":"A"}}}'],
      [
        '{"inputSchema":{"properties":[{"x-mcp-header":"A"}]}}',
        '{"inputSchema":{"properties":[{"x-mcp-header":"A"}]}}',
      ],
      ["7", "7"],
    ] as const
  ) {
    const line = encoder.encode(`{"jsonrpc":"2.0","id":1,"result":{"tools":[1,${written},{}]}}`);
    const text = decoder.decode(resultForModern(line, "tools/list", IDENTITY));
    assert.ok(text.includes(`"tools":[1,${wanted},{}]`), text);
    JSON.parse(text);
  }
  const none = encoder.encode('{"jsonrpc":"2.0","id":1,"result":{"tools":{"execution":1}}}');
  assert.match(decoder.decode(resultForModern(none, "tools/list", IDENTITY)), /"tools":\{"execution":1\}/);
});

Deno.test("PROTOCOL 28, 36: a result is made whole, and what else it says crosses to the digit", STRICT, () => {
  const result = `{"content":[{${EXACT}}],"_meta":{${EXACT},"io.modelcontextprotocol/serverInfo":1},"resultType":"x"}`;
  const line = encoder.encode(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  const text = decoder.decode(resultForModern(line, "tools/call", IDENTITY));
  const server = '"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}';
  assert.equal(
    text,
    `{"jsonrpc":"2.0","id":1,"result":{"content":[{${EXACT}}],"resultType":"complete","_meta":{${EXACT},${server}}}}`,
  );
});

Deno.test("PROTOCOL 31: a notification bears its subscription's id, and is else as it was written", STRICT, () => {
  const key = "io.modelcontextprotocol/subscriptionId";
  const head = '{"jsonrpc":"2.0","method":"m"';
  for (
    const [written, wanted] of [
      ["}", `,"params":{"_meta":{"${key}":7}}}`],
      [',"params":null}', `,"params":{"_meta":{"${key}":7}}}`],
      [`,"params":{${EXACT}}}`, `,"params":{${EXACT},"_meta":{"${key}":7}}}`],
      [`,"params":{"_meta":{${EXACT},"${key}":1},"x":1}}`, `,"params":{"_meta":{${EXACT},"${key}":7},"x":1}}`],
      [',"params":{"_meta":1}}', `,"params":{"_meta":{"${key}":7}}}`],
    ] as const
  ) {
    assert.equal(decoder.decode(stamped(encoder.encode(head + written), encoder.encode("7"))), head + wanted);
  }
});
