// Properties of lib/mcp/carried/carried_splicer.ts: whatever else an answer holds, however it is spelt and cut, what its client is
// to bring back is exchanged wherever it stands, and nothing else is touched.
import fc from "fast-check";
import assert from "node:assert/strict";
import type { Carries } from "../../lib/mcp/carried/carried_members.ts";
import { type Exchanging, mayCarry } from "../../lib/mcp/carried/carried_message.ts";
import { EventSplicer, JsonSplicer, type Splicer } from "../../lib/mcp/carried/carried_splicer.ts";
import { SseParser } from "../../lib/mcp/events/sse.ts";
import { STRICT } from "../support/strict.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const RELATED = "io.modelcontextprotocol/related-task";

const ALL: Carries = { state: true, task: true, cursor: true };

/** Exchanges a value for a text that tells what it was, in other letters. */
function marked(kind: string, value: unknown): string {
  return `${kind}:${encoder.encode(JSON.stringify(value)).toHex()}`;
}

const EXCHANGING: Exchanging = {
  carries: ALL,
  exchange: (kind, token) => encoder.encode(JSON.stringify(marked(kind, JSON.parse(decoder.decode(token))))),
  instead: () => assert.fail("nothing here cannot be exchanged"),
};

type Json = { [name: string]: unknown };

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function exchanged(object: Json, name: string, kind: string): void {
  const value = object[name];
  if (value !== undefined && value !== null && !isObject(value) && !Array.isArray(value)) {
    object[name] = marked(kind, value);
  }
}

function ofMeta(holder: Json): void {
  const related = isObject(holder._meta) ? holder._meta[RELATED] : undefined;
  if (isObject(related)) exchanged(related, "taskId", "taskId");
}

/** The same done to the parsed message: the oracle. */
function oracle(text: string): unknown {
  const message = JSON.parse(text);
  const { result, params, method } = message;
  if (isObject(result)) {
    exchanged(result, "requestState", "requestState");
    exchanged(result, "nextCursor", "cursor");
    exchanged(result, "taskId", "taskId");
    if (Array.isArray(result.tasks)) {
      for (const task of result.tasks) if (isObject(task)) exchanged(task, "taskId", "taskId");
    }
    ofMeta(result);
  }
  if (isObject(params)) {
    const unknown = typeof method !== "string";
    if (unknown || method.startsWith("notifications/tasks")) exchanged(params, "taskId", "taskId");
    if (isObject(params.notifications) && Array.isArray(params.notifications.taskIds)) {
      params.notifications.taskIds = params.notifications.taskIds.map((id: unknown) =>
        id === null ? null : marked("taskId", id)
      );
    }
    ofMeta(params);
  }
  return message;
}

const scalar = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom('"', "\\", '\\"', "\ud800", "\u2028", "{", "]", ",", "requestState", "", "\n"),
  fc.integer(),
  fc.constant(null),
);
const NAMES = ["requestState", "nextCursor", "taskId", "tasks", "taskIds", "_meta", "result", "params", "content", "x"];
/** Anything, with the names that count in places where they do not. */
const decoy = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, scalar, fc.array(tie("value"), { maxLength: 3 }), tie("object")),
  object: fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 4 }),
})).value;

const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const meta = optional(fc.record({ [RELATED]: fc.record({ taskId: scalar, x: decoy }), other: decoy }));
const result = fc.record({
  content: optional(decoy),
  requestState: optional(scalar),
  taskId: optional(scalar),
  structuredContent: optional(decoy),
  nextCursor: optional(scalar),
  tasks: optional(fc.array(fc.record({ taskId: scalar, status: decoy }), { maxLength: 3 })),
  _meta: meta,
});
const params = fc.record({
  taskId: optional(scalar),
  notifications: optional(fc.record({ taskIds: fc.array(scalar, { maxLength: 3 }), x: decoy })),
  data: optional(decoy),
  _meta: meta,
});
const method = fc.constantFrom(
  "notifications/tasks",
  "notifications/message",
  "notifications/subscriptions/acknowledged",
);
const message = fc.oneof(
  fc.record({ jsonrpc: fc.constant("2.0"), id: fc.oneof(fc.integer(), fc.string()), result }),
  fc.record({ params, jsonrpc: fc.constant("2.0"), method }),
  fc.record({ jsonrpc: fc.constant("2.0"), method, params }),
);

/** Spelt as some server might: with blanks, and with letters of names as escapes. */
const spelling = fc.record({ indent: fc.constantFrom(undefined, 1, "\t"), escapes: fc.boolean() });
type Spelling = { readonly indent: string | number | undefined; readonly escapes: boolean };

function written(value: unknown, { indent, escapes }: Spelling): string {
  const text = JSON.stringify(value, undefined, indent);
  return escapes
    ? text.replace(/"(requestS|nextC|taskI)([^"\\]*)":/g, '"\\u00$1$2":').replace(
      /\\u00([rnt])/g,
      (_, c) => "\\u00" + c.charCodeAt(0).toString(16),
    )
    : text;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

function through(splicer: Splicer, bytes: Uint8Array, sizes: readonly number[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    const piece = bytes.slice(at, at + size);
    parts.push(splicer.push(piece));
    piece.fill(0x21); // it is somebody else's by now
    at += size;
  }
  parts.push(splicer.end());
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("S1: in JSON, cut anywhere, what is to be brought back is exchanged and nothing else", STRICT, () => {
  fc.assert(
    fc.property(message, spelling, sizes, (message, spelling, sizes) => {
      const text = written(message, spelling);
      const bytes = encoder.encode(text);
      const out = through(new JsonSplicer(EXCHANGING), bytes, sizes);
      assert.deepEqual(new JsonSplicer(EXCHANGING).whole(bytes), out, "whole");
      const wanted = oracle(decoder.decode(bytes));
      assert.deepEqual(JSON.parse(decoder.decode(out)), wanted);
      if (JSON.stringify(wanted) === JSON.stringify(JSON.parse(decoder.decode(bytes)))) assert.deepEqual(out, bytes);
      else assert.equal(mayCarry(bytes, EXCHANGING.carries), true);
    }),
    { numRuns: 500 },
  );
});

Deno.test("S1: so in events, whatever ends their lines and however data is spread over lines", STRICT, () => {
  const end = fc.constantFrom("\n", "\r", "\r\n");
  const between = fc.constantFrom("", ": ping", "id: 7", "event: message", "data", "retry: 1");
  const events = fc.array(fc.tuple(message, spelling, between), { maxLength: 4 });
  fc.assert(
    fc.property(events, end, sizes, fc.boolean(), (events, end, sizes, bom) => {
      const blocks = events.map(([message, spelling, before]) => {
        const lines = written(message, spelling).split("\n").map((line) =>
          `data:${spelling.escapes ? "" : " "}${line}`
        );
        return [...(before === "" ? [] : [before]), ...lines, "", ""].join(end);
      });
      const bytes = encoder.encode((bom ? "\ufeff" : "") + blocks.join(": comment" + end));
      const out = through(new EventSplicer(EXCHANGING), bytes, sizes);
      assert.deepEqual(new EventSplicer(EXCHANGING).whole(bytes), out, "whole");
      const read = (bytes: Uint8Array) => new SseParser({ maxEventBytes: 1 << 20 }).push(bytes);
      const before = read(bytes), after = read(out);
      assert.deepEqual(
        after.map(({ event, id, retry }) => [event, id, retry]),
        before.map((e) => [e.event, e.id, e.retry]),
      );
      assert.deepEqual(
        after.map(({ data }) => JSON.parse(data!)),
        before.map(({ data }) => oracle(data!)),
      );
    }),
    { numRuns: 500 },
  );
});
