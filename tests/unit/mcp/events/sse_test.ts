import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { type SseEvent, SseParser } from "../../../../lib/mcp/events/sse.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

function read(text: string): SseEvent[] {
  return new SseParser({ maxEventBytes: 4096 }).push(encoder.encode(text));
}

function message(data: string, rest: Partial<SseEvent> = {}): SseEvent {
  return { event: "message", data, id: undefined, retry: undefined, ...rest };
}

Deno.test("SseParser reads every field of an event", STRICT, () => {
  assert.deepEqual(read("event: ping\nid: 7\nretry: 1500\ndata: a\ndata: b\n\n"), [
    { event: "ping", data: "a\nb", id: "7", retry: 1500 },
  ]);
});

Deno.test("SseParser takes LF, CRLF and CR as line ends", STRICT, () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    assert.deepEqual(read(`data: a${end}${end}data: b${end}${end}`), [message("a"), message("b")]);
  }
});

Deno.test("SseParser drops one leading space of a value and no more", STRICT, () => {
  assert.deepEqual(read("data:a\n\ndata:  b\n\ndata\n\n"), [message("a"), message(" b"), message("")]);
});

Deno.test("SseParser ignores comments, unknown fields, ids with NUL and retries that are no number", STRICT, () => {
  assert.deepEqual(read(": hello\n\nfoo: bar\nid: a\0b\nretry: 1x\ndata: d\n\n"), [message("d")]);
});

Deno.test("SseParser skips a byte order mark at the start only", STRICT, () => {
  assert.deepEqual(read("\ufeffdata: a\n\n"), [message("a")]);
  assert.deepEqual(read("data: a\n\n\ufeffdata: b\n\n"), [message("a")]);
});

Deno.test("PROTOCOL 15: SseParser shows a priming event when the data is empty", STRICT, () => {
  assert.deepEqual(read("id: s_1\ndata: \n\n"), [message("", { id: "s_1" })]);
});

Deno.test("SseParser gives no event for a block the stream does not finish", STRICT, () => {
  assert.deepEqual(read("data: a\n\ndata: b\n"), [message("a")]);
});

Deno.test("SseParser does not hand an event's fields to the next one", STRICT, () => {
  assert.deepEqual(read("event: x\nid: 1\ndata: a\n\ndata: b\n\n")[1], message("b"));
});

Deno.test("M3: SseParser refuses an event beyond its cap, in one line, in many, and in comments", STRICT, () => {
  for (const text of ["data: " + "x".repeat(100), "data: x\n".repeat(20), ": x\n".repeat(40)]) {
    const parser = new SseParser({ maxEventBytes: 64 });
    assert.throws(() => {
      for (const byte of encoder.encode(text)) parser.push(Uint8Array.of(byte));
    }, (error) => error instanceof SignetError && error.code === "upstream_invalid");
  }
});

Deno.test("M3: SseParser counts each event anew", STRICT, () => {
  const parser = new SseParser({ maxEventBytes: 64 });
  for (let i = 0; i < 50; i++) assert.equal(parser.push(encoder.encode("data: 0123456789\n\n")).length, 1);
});
