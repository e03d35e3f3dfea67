// lib/mcp/lost_session.ts: the refusals of servers in use, and answers that look alike but must never cause a replay.
import assert from "node:assert/strict";
import { isLostSession } from "../../../lib/mcp/lost_session.ts";
import { STRICT } from "../../support/strict.ts";

const JSON_TYPE = "application/json";

function error(code: number, message: string, id?: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", error: { code, message }, ...(id === undefined ? {} : { id }) });
}

function isLost(status: number, type: string | undefined, body: string): boolean {
  return isLostSession(status, type, new TextEncoder().encode(body));
}

const REFUSALS: [string, number, string | undefined, string][] = [
  ["SDK 1.x and 2.x transport", 404, JSON_TYPE, error(-32001, "Session not found", null)],
  ["SDK transport never initialized", 400, JSON_TYPE, error(-32000, "Bad Request: Server not initialized", null)],
  ["server-everything, SDK examples", 400, JSON_TYPE, error(-32000, "Bad Request: No valid session ID provided")],
  ["the same with the request's id", 400, JSON_TYPE, error(-32000, "Bad Request: No valid session ID provided", 4)],
  ["the same with a charset", 400, "application/json; charset=utf-8", error(-32000, "No valid session ID", null)],
  ["SDK examples, GET and DELETE", 400, "text/html; charset=utf-8", "Invalid or missing session ID"],
  ["home-made on the SDK", 400, JSON_TYPE, '{"error":"Invalid or missing session ID"}'],
  ["Python SDK, older", 400, undefined, "Bad Request: No valid session ID provided"],
  ["Python SDK, newer", 404, JSON_TYPE, error(-32600, "Session not found", "server-error")],
  ["Python SDK, ended", 404, JSON_TYPE, error(-32600, "Not Found: Session has been terminated", "server-error")],
  ["Go SDK", 404, "text/plain; charset=utf-8", "session not found\n"],
  ["mcp-go", 400, "text/plain; charset=utf-8", "Invalid session ID\n"],
  ["rmcp, older", 401, undefined, "Unauthorized: Session not found"],
  ["one that names the request", 404, JSON_TYPE, error(-32001, "Session not found", 4)],
  ["a router in front", 404, "text/html", "<html><h1>Not Found</h1></html>"],
  ["nothing but the status", 404, undefined, ""],
];

for (const [server, status, type, body] of REFUSALS) {
  Deno.test(`6: isLostSession is true when the answer is the refusal of: ${server}`, STRICT, () => {
    assert.equal(isLost(status, type, body), true);
  });
}

const OTHER_ANSWERS: [string, number, string | undefined, string][] = [
  ["a success", 200, JSON_TYPE, error(-32001, "Session not found", null)],
  ["a bad version header", 400, JSON_TYPE, error(-32000, "Bad Request: Unsupported protocol version: x", null)],
  ["a missing header", 400, JSON_TYPE, error(-32000, "Bad Request: Mcp-Session-Id header is required", null)],
  ["bad JSON", 400, JSON_TYPE, error(-32700, "Parse error: Invalid JSON", null)],
  ["bad params of the call", 400, JSON_TYPE, error(-32602, "Session not found", 4)],
  ["an application's own session, told by the call's id", 400, JSON_TYPE, error(-32000, "Session not found", 4)],
  ["words of a session inside a longer message", 400, JSON_TYPE, error(-32000, "Tool failed: session not found", null)],
  ["a tool's result", 400, JSON_TYPE, '{"jsonrpc":"2.0","id":4,"result":{"error":{"code":-32000}}}'],
  ["a stream", 400, "text/event-stream", `data: ${error(-32001, "Session not found", null)}\n\n`],
  ["a page", 400, "text/html", "<html>Session not found</html>"],
  ["a missing method in 404", 404, JSON_TYPE, error(-32601, "Method not found", 4)],
  ["a missing resource in 404", 404, JSON_TYPE, error(-32002, "Resource not found", 4)],
  ["a time-out of the call in 404", 404, JSON_TYPE, error(-32001, "Request timed out", 4)],
  ["a long answer of the call in 404", 404, JSON_TYPE, error(-32002, "x".repeat(10_000), 4)],
  ["an expired token", 401, JSON_TYPE, error(-32000, "Unauthorized: session expired", null)],
  ["a fault", 500, JSON_TYPE, error(-32000, "Bad Request: No valid session ID provided", null)],
  ["a conflict", 409, JSON_TYPE, error(-32000, "Conflict: Only one SSE stream is allowed per session", null)],
];

for (const [answer, status, type, body] of OTHER_ANSWERS) {
  Deno.test(`6: isLostSession is false when the answer is: ${answer}`, STRICT, () => {
    assert.equal(isLost(status, type, body), false);
  });
}

Deno.test("6: isLostSession looks for no words in a large 400, and takes a large 404 at its status", STRICT, () => {
  const large = "Invalid session ID" + " ".repeat(10_000);
  assert.equal(isLost(400, "text/plain", large), false);
  assert.equal(isLost(404, "text/plain", large), true);
});
