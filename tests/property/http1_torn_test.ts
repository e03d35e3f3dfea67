// Delivery must not change meaning: chunked bodies read the same however their bytes are torn apart, and what the
// engine writes, the engine and llhttp read back as it was meant, whatever strings it was given.
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CHUNKED } from "../../lib/http1/types.ts";
import { formatChunkHead, LAST_CHUNK } from "../../lib/http1/wire/bodies/chunked.ts";
import { DEFAULT_HEAD_LIMITS } from "../../lib/http1/wire/fields/fields_parse.ts";
import { parseRequestHead, parseResponseHead } from "../../lib/http1/wire/heads/head.ts";
import { formatRequestHead, formatResponseHead } from "../../lib/http1/wire/heads/head_format.ts";
import { decodeChunked, latin1, refusal } from "../support/http1_messages.ts";
import { trustedRequest, trustedResponse } from "../support/llhttp.ts";
import { STRICT } from "../support/strict.ts";

/** Chunked bodies, half of them with something on which much hangs put in somewhere. */
const chunkedBytes = fc.tuple(
  fc.array(fc.constantFrom("3\r\nabc\r\n", 'a;x=y;z="\\""\r\n0123456789\r\n', "02;q\r\n\r\n\r\n"), { maxLength: 4 }),
  fc.constantFrom("0\r\n\r\n", "00;a\r\nX: y\r\nz:\r\n\r\nrest"),
  fc.constantFrom("", "", "", "\r\n", "\r", "\n", ";", '"', "0", "f", " ", "content-length: 1\r\n"),
  fc.nat(100),
).map(([chunks, last, extra, at]) => {
  const whole = chunks.join("") + last;
  const position = at % whole.length;
  return latin1(whole.slice(0, position) + extra + whole.slice(position));
});

/** What becomes of a body, errors included. */
function outcome(bytes: Uint8Array, cuts: readonly number[]): unknown {
  let decoded: unknown;
  return refusal(() => decoded = decodeChunked(bytes, "request", cuts)) ?? decoded;
}

Deno.test("chunked decoder gives one outcome however the bytes are torn", STRICT, () => {
  let complete = 0;
  fc.assert(
    fc.property(chunkedBytes, fc.array(fc.nat(60), { maxLength: 5 }), (bytes, points) => {
      const whole = outcome(bytes, []);
      const cuts = points.map((point) => point % (bytes.length + 1)).sort((a, b) => a - b);
      assert.deepEqual(outcome(bytes, cuts), whole);
      assert.deepEqual(outcome(bytes, Array.from(bytes.keys())), whole);
      if (typeof whole === "object" && (whole as { done: boolean }).done) complete++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(complete > 300, `only ${complete} complete bodies`);
});

Deno.test("chunked decoder returns what was written when chunks of any bytes are framed", STRICT, () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 });
  fc.assert(fc.property(chunks, fc.string(), (chunks, rest) => {
    const framed = chunks.flatMap((chunk) => [latin1(formatChunkHead(chunk.length)), chunk, latin1("\r\n")]);
    const wire = Buffer.concat([...framed, latin1(LAST_CHUNK)]);
    const decoded = decodeChunked(Buffer.concat([wire, Buffer.from(rest)]), "response", [1, wire.length >> 1]);
    assert.deepEqual(decoded, { payload: new Uint8Array(Buffer.concat(chunks)), consumed: wire.length, done: true });
  }));
});

/** Any string at all, and often enough one that can be sent or that is made to break out of its line. */
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."abz09-_.~/ \t:;,=") }),
  fc.string({ unit: fc.constantFrom(..."ab: \r\n\0\x7f\xff\u010a\u0100") }),
  fc.constantFrom("v\r\nevil: 1", "v\nevil: 1", "v\r", "\u010d\u010aevil: 1", "\0", "content-length", "host"),
);
const anyFields = fc.array(fc.tuple(fc.oneof(fc.constantFrom("x-a", "accept", "authorization"), anyText), anyText), {
  maxLength: 4,
}).map((pairs) => pairs.flat());
const bodyLength = fc.constantFrom(undefined, 0, 5, CHUNKED);

/** Runs `format`, which may refuse with a TypeError and nothing else. */
function sent(format: () => string): string | undefined {
  try {
    return format();
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error));
    return undefined;
  }
}

/** What the fields given must look like to a reader: blanks around a value are no part of it. */
function asRead(fields: readonly string[]): string[] {
  return fields.map((part, i) => i % 2 === 0 ? part : part.replace(/^[ \t]+|[ \t]+$/g, ""));
}

Deno.test("http1 formatter sends a request of exactly the fields given or throws", STRICT, () => {
  const limits = { ...DEFAULT_HEAD_LIMITS, singletons: new Set<string>() };
  const target = fc.oneof(fc.constant("/"), anyText.map((text) => "/" + text));
  let formatted = 0;
  fc.assert(
    fc.property(
      fc.oneof(fc.constant("POST"), anyText),
      target,
      anyFields,
      bodyLength,
      (method, target, fields, length) => {
        const all = ["host", "a", ...fields.map((part, i) => part === "host" && i % 2 === 0 ? "x-host" : part)];
        const head = sent(() => formatRequestHead(method, target, all, length));
        if (head === undefined || method !== "POST") return;
        formatted++;
        const framing = length === undefined
          ? []
          : length === CHUNKED
          ? ["transfer-encoding", "chunked"]
          : ["content-length", String(length)];
        const expected = [...asRead(all), ...framing];
        const parsed = parseRequestHead(head, limits);
        assert.deepEqual([parsed.method, parsed.target, parsed.fields, parsed.bodyLength], [
          method,
          target,
          expected,
          length ?? 0,
        ]);
        const body = length === CHUNKED ? LAST_CHUNK : "x".repeat(length ?? 0);
        const { message, consumed } = trustedRequest(latin1(head + body + "junk"));
        assert.deepEqual(message?.fields, expected);
        assert.equal(consumed, head.length + body.length);
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(formatted > 100, `only ${formatted} heads could be sent`);
});

Deno.test("http1 formatter sends a response of exactly the fields given or throws", STRICT, () => {
  const limits = { ...DEFAULT_HEAD_LIMITS, singletons: new Set<string>() };
  const status = fc.constantFrom(200, 202, 204, 304, 404, 502);
  let formatted = 0;
  fc.assert(
    fc.property(status, anyText, anyFields, bodyLength, fc.boolean(), (status, reason, fields, length, close) => {
      const start = { status, reason, fields };
      const head = sent(() => formatResponseHead(start, { bodyLength: length, close, minorVersion: 1 }));
      if (head === undefined) return;
      formatted++;
      const parsed = parseResponseHead(head, "POST", limits);
      assert.deepEqual(parsed.fields.slice(0, fields.length), asRead(fields));
      assert.equal(parsed.status, status);
      const { message } = trustedResponse(latin1(head + (length === CHUNKED ? LAST_CHUNK : "12345")), "POST");
      assert.deepEqual(message?.fields, parsed.fields);
      assert.equal(message?.keepAlive, parsed.keepAlive);
    }),
    { numRuns: 3000 },
  );
  assert.ok(formatted > 100, `only ${formatted} heads could be sent`);
});
