// lib/mcp/lost_session.ts: what the refusals of servers in use mean by themselves. Words prove a loss in one form only;
// whatever else could be one is unclear, and what answers the call is its own (docs/behaviour.md L4).
import assert from "node:assert/strict";
import {
  askedIn,
  isAlike,
  isRefusal,
  mayMeanSession,
  type Meaning,
  meaningOf,
  type Refusal,
  REFUSAL_BYTES,
  speaksOfSession,
} from "../../../lib/mcp/lost_session.ts";
import { STRICT } from "../../support/strict.ts";

const JSON_TYPE = "application/json";
/** The id of the call that was refused. */
const ASKED = new Set(["4"]);

function error(code: number, message: string, id?: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", error: { code, message }, ...(id === undefined ? {} : { id }) });
}

function refusal(status: number, contentType: string | undefined, body: string): Refusal {
  const cut = body.length > REFUSAL_BYTES;
  return { status, contentType, text: body.slice(0, REFUSAL_BYTES), cut };
}

/** With the id of the call: the body was read, and not run. */
function unsupported(supported: readonly string[]): string {
  return JSON.stringify({
    jsonrpc: "2.0",
    id: 4,
    error: { code: -32022, message: "unsupported", data: { supported } },
  });
}

const LOST: [string, number, string | undefined, string][] = [
  ["SDK 1.x and 2.x transport", 404, JSON_TYPE, error(-32001, "Session not found", null)],
  ["SDK transport never initialized", 400, JSON_TYPE, error(-32000, "Bad Request: Server not initialized", null)],
  ["server-everything, SDK examples", 400, JSON_TYPE, error(-32000, "Bad Request: No valid session ID provided")],
  ["the same with a charset", 400, "application/json; charset=utf-8", error(-32000, "No valid session ID", null)],
  ["an invalid request", 400, JSON_TYPE, error(-32600, "Invalid Request: Session not found", null)],
  ["Python SDK, newer", 404, JSON_TYPE, error(-32600, "Session not found", "server-error")],
  ["Python SDK, ended", 404, JSON_TYPE, error(-32600, "Not Found: Session has been terminated", "server-error")],
  ["a server that has no sessions any more", 400, JSON_TYPE, unsupported(["2026-07-28"])],
  ["one that names the session", 404, JSON_TYPE, error(-32001, "No session 0af-12", null)],
];

const UNCLEAR: [string, number, string | undefined, string][] = [
  ["SDK words with the request's id", 400, JSON_TYPE, error(-32000, "Bad Request: No valid session ID provided", 4)],
  ["404 with the request's id", 404, JSON_TYPE, error(-32600, "Session not found", 4)],
  ["an application's own session", 400, JSON_TYPE, error(-32000, "Invalid session ID: the CRM has ended it", 4)],
  ["SDK examples, GET and DELETE", 400, "text/html; charset=utf-8", "Invalid or missing session ID"],
  ["home-made on the SDK", 400, JSON_TYPE, '{"error":"Invalid or missing session ID"}'],
  ["Python SDK, older", 400, undefined, "Bad Request: No valid session ID provided"],
  ["Go SDK", 404, "text/plain; charset=utf-8", "session not found\n"],
  ["mcp-go", 400, "text/plain; charset=utf-8", "Invalid session ID\n"],
  ["rmcp, older", 401, undefined, "Unauthorized: Session not found"],
  ["a router in front", 404, "text/html", "<html><h1>Not Found</h1></html>"],
  ["a tool's own 404", 404, JSON_TYPE, '{"detail":"user 7 not found"}'],
  ["nothing but the status", 404, undefined, ""],
  ["gone", 410, undefined, ""],
  ["unprocessable", 422, JSON_TYPE, '{"error":"unknown session"}'],
  ["a stream", 400, "text/event-stream", `data: ${error(-32001, "Session not found", null)}\n\n`],
  ["a page", 400, "text/html", "<html>Session not found</html>"],
  ["a large page", 404, "text/html", "Invalid session ID" + " ".repeat(10_000)],
  ["words of a session inside a longer message", 400, JSON_TYPE, error(-32000, "Tool failed: session not found", null)],
  ["a code of no transport", 404, JSON_TYPE, error(-32602, "Session not found", null)],
  ["another code of JSON-RPC", 400, JSON_TYPE, error(-32700, "Parse error: Invalid JSON", null)],
  ["a time-out without an id", 404, JSON_TYPE, error(-32001, "Request timed out", null)],
  ["an answer to another call", 404, JSON_TYPE, error(-32603, "no such thing", 5)],
  ["an expired token", 401, JSON_TYPE, error(-32000, "Unauthorized: session expired", null)],
];

const OWN: [string, number, string | undefined, string][] = [
  ["a server of both eras", 400, JSON_TYPE, unsupported(["2025-11-25", "2026-07-28"])],
  ["a success", 200, JSON_TYPE, error(-32001, "Session not found", null)],
  ["bad params of the call", 400, JSON_TYPE, error(-32602, "no such tool", 4)],
  ["the call's id as text", 400, JSON_TYPE, error(-32602, "no such tool", "4")],
  ["a tool's result", 400, JSON_TYPE, '{"jsonrpc":"2.0","id":4,"result":{"error":{"message":"session not found"}}}'],
  ["a result in 404", 404, JSON_TYPE, '{"jsonrpc":"2.0","id":4,"result":{}}'],
  ["a missing method in 404", 404, JSON_TYPE, error(-32601, "Method not found", 4)],
  ["a missing resource in 404", 404, JSON_TYPE, error(-32002, "Resource not found", 4)],
  ["a time-out of the call in 404", 404, JSON_TYPE, error(-32001, "Request timed out", 4)],
  ["a long answer of the call in 404", 404, JSON_TYPE, error(-32002, "x".repeat(10_000), 4)],
  ["an answer in a batch", 404, JSON_TYPE, `[${error(-32002, "no such file", 4)}]`],
  ["a fault", 500, JSON_TYPE, error(-32000, "Bad Request: No valid session ID provided", null)],
  ["a conflict", 409, JSON_TYPE, error(-32000, "Conflict: Only one SSE stream is allowed per session", null)],
  ["forbidden", 403, JSON_TYPE, error(-32001, "Session not found", null)],
];

for (const [meaning, cases] of [["lost", LOST], ["unclear", UNCLEAR], ["own", OWN]] as [Meaning, typeof LOST][]) {
  for (const [what, status, type, body] of cases) {
    Deno.test(`L4: the meaning of a refusal is ${meaning}: ${what}`, STRICT, () => {
      assert.equal(meaningOf(refusal(status, type, body), ASKED), meaning);
    });
  }
}

Deno.test("L4: a body that could not be read is unclear", STRICT, () => {
  assert.equal(meaningOf({ status: 404, contentType: undefined, text: undefined, cut: false }, ASKED), "unclear");
});

Deno.test("L4: 400, 401, 404, 410 and 422 can refuse a session; 403 and 5xx never do", STRICT, () => {
  const found = [200, 202, 307, 400, 401, 403, 404, 405, 409, 410, 422, 429, 500, 503].filter(isRefusal);
  assert.deepEqual(found, [400, 401, 404, 410, 422]);
});

Deno.test("L4: two refusals are alike whatever id, number or trace each has", STRICT, () => {
  const text = (id: unknown) => refusal(404, JSON_TYPE, error(-32600, "Unknown client", id));
  assert.equal(isAlike(text(1), text("signet-ping-1")), true);
  const traced = (trace: string) => refusal(410, JSON_TYPE, `{"message":"Gone","requestId":"${trace}"}`);
  assert.equal(isAlike(traced("5f0c1a2b-77aa"), traced("00000000-1234")), true);
  assert.equal(isAlike(refusal(404, undefined, "user 7 not found"), refusal(404, undefined, "Not Found")), false);
  assert.equal(isAlike(refusal(404, undefined, "x"), refusal(410, undefined, "x")), false);
});

Deno.test("L4: what names a session, or nothing at all, may mean it", STRICT, () => {
  assert.equal(mayMeanSession(refusal(404, undefined, " ")), true);
  assert.equal(mayMeanSession(refusal(401, undefined, "Unauthorized: Session not found")), true);
  assert.equal(mayMeanSession(refusal(404, undefined, "user 7 not found")), false);
  assert.equal(speaksOfSession({ error: { message: "Unknown Session" } }), true);
  for (const other of [undefined, null, 1, [], {}, { error: null }, { error: { message: 1 } }]) {
    assert.equal(speaksOfSession(other), false);
  }
});

Deno.test("L4: the ids asked for are found in a request and in a batch", STRICT, () => {
  const ids = (text: string) => [...askedIn(new TextEncoder().encode(text))];
  assert.deepEqual(ids('{"id":1,"method":"x","params":{"id":2}}'), ["1"]);
  assert.deepEqual(ids(' [{"method":"x","id":"a"},{"id":3,"method":"y"},{"method":"z"}]'), ["a", "3"]);
  assert.deepEqual(ids('{"method":"x"}'), []);
  assert.deepEqual(ids(""), []);
});
