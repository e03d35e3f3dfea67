import assert from "node:assert/strict";
import { errorResponse } from "../../../../lib/mcp/messages/json_rpc.ts";
import { STRICT } from "../../../support/strict.ts";

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
