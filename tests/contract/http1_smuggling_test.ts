// Published request smuggling against the engine: each case is refused with the status said, or read in the one way
// said. First with the parsing functions alone, then over a real socket: whole, byte by byte, torn at every point.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { HttpErrorCode } from "../../lib/http1/types.ts";
import { latin1, readRequest, refusal } from "../support/http1_messages.ts";
import { type Outcome, SMUGGLING_CASES } from "../support/smuggling_cases.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

const STATUS: Partial<Record<HttpErrorCode, number>> = {
  bad_request: 400,
  body_too_large: 413,
  uri_too_long: 414,
  head_too_large: 431,
  coding_unsupported: 501,
  version_unsupported: 505,
};

/** Most bytes of a body; the engine's functions leave that to the server. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** What follows every case: if its end is understood rightly, this is understood, too. */
const LAST = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** `outcome` with {@link LAST} understood, unless the connection ended before. */
function withLast(outcome: Outcome): Outcome {
  return typeof outcome.at(-1) === "number" ? outcome : [...outcome, "GET /last "];
}

function describe(method: string, target: string, body: Uint8Array): string {
  return `${method} ${target} ${Buffer.from(body).toString("latin1")}`;
}

/** Reads requests one after the other as the engine's functions do. */
function readAll(bytes: Uint8Array): Outcome {
  const outcome: (string | number)[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    let request: ReturnType<typeof readRequest>;
    const code = refusal(() => request = readRequest(rest, MAX_BODY_BYTES));
    if (code !== undefined) return [...outcome, STATUS[code as HttpErrorCode] ?? code];
    if (request === undefined) return [...outcome, "incomplete"];
    outcome.push(describe(request.head.method, request.head.target, request.body));
    rest = rest.subarray(request.consumed);
  }
  return outcome;
}

for (const { name, wire, outcome } of SMUGGLING_CASES) {
  Deno.test(`smuggling: ${name}`, SANITIZED, () => {
    assert.deepEqual(readAll(latin1(wire + LAST)), withLast(outcome));
  });
}
