import assert from "node:assert/strict";
import { clientForLegacy, endOfSubscription, resultForModern, statusOfAnswer } from "../../../lib/mcp/between_eras.ts";
import { STRICT } from "../../support/strict.ts";

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
