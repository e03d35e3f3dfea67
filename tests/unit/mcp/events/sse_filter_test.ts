import fc from "fast-check";
import assert from "node:assert/strict";
import { type SseEvent, SseParser } from "../../../../lib/mcp/events/sse.ts";
import { SseFilter } from "../../../../lib/mcp/events/sse_filter.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Data with an `x` loses it. */
function filterOf(mostBytes = 4096): SseFilter {
  return new SseFilter({
    concerns: (event) => event.includes(0x78),
    exchange: (data) => {
      const text = decoder.decode(data);
      return text.includes("x") ? encoder.encode(text.replaceAll("x", "")) : undefined;
    },
    mostBytes,
  });
}

function filtered(text: string, cuts: readonly number[] = []): string {
  const filter = filterOf();
  const bytes = encoder.encode(text);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const out: number[] = [];
  for (let i = 1; i < at.length; i++) out.push(...filter.push(bytes.slice(at[i - 1], at[i])));
  out.push(...filter.end());
  return decoder.decode(Uint8Array.from(out));
}

function eventsOf(text: string): SseEvent[] {
  return new SseParser({ maxEventBytes: 1 << 20 }).push(encoder.encode(text));
}

Deno.test("an event stream passes byte for byte where nothing of it is exchanged", () => {
  for (
    const text of [
      "",
      ": comment\n\n",
      "id: 1\ndata: a\n\n",
      "data: a\r\n\r\ndata:b\r\rid: 3\ndata:\n\n",
      "data: no end",
      "\ufeffdata: a\n\n",
    ]
  ) {
    assert.equal(filtered(text), text);
    assert.equal(filtered(text, [...text].map((_, at) => at)), text);
  }
});

Deno.test("an event's data are exchanged in whatever lines and pieces they come, its other fields stay", () => {
  const line = fc.oneof(
    fc.stringMatching(/^[ax]{0,4}$/).map((text) => `data: ${text}`),
    fc.stringMatching(/^[ax]{0,4}$/).map((text) => `data:${text}`),
    fc.constantFrom("data", "id: 7", "event: message", ": x comment", "datax: no", "retry: 5", "other"),
  );
  const end = fc.constantFrom("\n", "\r\n", "\r");
  const stream = fc.array(fc.tuple(fc.array(line, { maxLength: 4 }), end), { maxLength: 5 }).map((events) =>
    events.map(([lines, end]) => lines.map((line) => line + end).join("") + end).join("")
  );
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 10 }), (text, cuts) => {
      const wanted = eventsOf(text).map((event) => ({ ...event, data: event.data?.replaceAll("x", "") }));
      assert.deepEqual(eventsOf(filtered(text, cuts)), wanted);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("an event that does not end is looked at when the stream does, and one too long is refused", () => {
  assert.equal(filtered("data: axa"), "data: aa\n");
  assert.throws(() => filterOf(8).push(encoder.encode("data: aaaaaa")), { name: "EventTooLong" });
});
