import assert from "node:assert/strict";
import { SseParser } from "../../../../lib/mcp/events/sse.ts";
import { KEEP_ALIVE, SseBoundary } from "../../../../lib/mcp/events/sse_boundary.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

function boundaryAfter(...parts: string[]): boolean {
  const boundary = new SseBoundary();
  for (const part of parts) boundary.update(encoder.encode(part));
  return boundary.atBoundary;
}

Deno.test(
  "N2: SseBoundary stands at a boundary at the start, after a blank line and after a comment line",
  STRICT,
  () => {
    assert.equal(boundaryAfter(), true);
    for (const text of ["data: a\n\n", "data: a\r\n\r\n", "data: a\r\r", ": ping\n", ": ping\n\n", "\n"]) {
      assert.equal(boundaryAfter(text), true, JSON.stringify(text));
    }
  },
);

Deno.test("N2: SseBoundary stands at no boundary within a line, an event or a comment", STRICT, () => {
  for (
    const text of [
      "d",
      "data: a\n",
      "data: a\r\n",
      "data: a\r",
      "id: 1\n: c\n",
      ": pi",
      "data: a\n\ndata",
      "data: a\n: c\n",
    ]
  ) {
    assert.equal(boundaryAfter(text), false, JSON.stringify(text));
  }
});

Deno.test("N2: SseBoundary takes a CRLF torn in two as one line end", STRICT, () => {
  assert.equal(boundaryAfter("data: a\r", "\n"), false);
  assert.equal(boundaryAfter("data: a\r", "\n\r", "\n"), true);
  assert.equal(boundaryAfter("data: a\r", "\n\n"), true);
});

Deno.test("N2: KEEP_ALIVE is no event", STRICT, () => {
  const events = new SseParser({ maxEventBytes: 4096 }).push(
    Uint8Array.from([...KEEP_ALIVE, ...encoder.encode("data: a\n\n")]),
  );
  assert.deepEqual(events, [{ event: "message", data: "a", id: undefined, retry: undefined }]);
});
