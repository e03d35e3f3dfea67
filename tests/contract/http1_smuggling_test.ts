// Published request smuggling against the engine: each case is refused with the status said, or read in the one way
// said. Here by the parsing functions alone; http1_smuggling_wire_test.ts does the same over a real socket.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { latin1, readRequest, refusal } from "../support/http1_messages.ts";
import {
  LAST,
  MAX_BODY_BYTES,
  type Outcome,
  outcomeWithLast,
  SMUGGLING_CASES,
  statusOf,
} from "../support/smuggling_cases.ts";
import { STRICT } from "../support/strict.ts";

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
    if (code !== undefined) return [...outcome, statusOf(code)];
    if (request === undefined) return [...outcome, "incomplete"];
    outcome.push(describe(request.head.method, request.head.target, request.body));
    rest = rest.subarray(request.consumed);
  }
  return outcome;
}

for (const smuggling of SMUGGLING_CASES) {
  Deno.test(`smuggling: ${smuggling.name}`, STRICT, () => {
    assert.deepEqual(readAll(latin1(smuggling.wire + LAST)), outcomeWithLast(smuggling));
  });
}
