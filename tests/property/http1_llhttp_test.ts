// The engine against llhttp: whatever the engine accepts, llhttp accepts with the same meaning — method, target,
// fields, body bytes, end of the message. What the engine refuses llhttp may accept: it is the stricter of the two.
import fc from "fast-check";
import assert from "node:assert/strict";
import constants from "undici/lib/llhttp/constants.js";
import { latin1, readRequest, readResponse, refusal } from "../support/http1_messages.ts";
import { trustedRequest, trustedResponse } from "../support/llhttp.ts";
import { STRICT } from "../support/strict.ts";

// ---- generators -----------------------------------------------------------------------------------------------------

const method = fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "M-SEARCH");
const chars = (set: string, min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...set), minLength: min, maxLength: max });
const target = fc.oneof(
  fc.constantFrom("/", "/mcp", "/mcp?a=b&c", "//x", "/a;b=c/%2e%2E/?", "http://a/", "http://a?x", "HTTP://A:80/p?q"),
  chars("abz09-._~!$&'()*+,;=:@%/?", 0, 30).map((rest) => "/" + rest),
);
const fieldName = fc.oneof(
  fc.constantFrom("Accept", "accept", "X-Y", "Mcp-Session-Id", "ETag", "TE", "Trailer", "Upgrade", "Keep-Alive"),
  chars("abzABZ019!#$%&'*+-.^_`|~", 1, 20).map((rest) => "x" + rest),
);
const fieldValue = fc.oneof(
  fc.constantFrom("", "a", " a", "a \t", '\ta, b ;c="d"', "é\xff", "a:b", "trailers", "h2c", "timeout=5"),
  chars(' \tabzABZ09!"#:;,=~\x80\xff', 0, 40),
);
const fieldLine = fc.tuple(fieldName, fieldValue).map(([name, value]) => `${name}:${value}\r\n`);
const extension = fc.constantFrom("", "", ";a", ";a=b;c", ';a="b;c\\"\x80"', ";ieof");
const trailers = fc.constantFrom("", "", "X-Sum: 1\r\n", "a:\r\nb: c\r\n");
const payload = chars("ab\r\n0;: \0\xff", 0, 20);

const chunkedBody = fc.record({ chunks: fc.array(fc.tuple(payload, extension), { maxLength: 4 }), trailers }).map(
  ({ chunks, trailers }) => {
    const data = chunks.filter(([bytes]) => bytes !== "");
    const lines = data.map(([bytes, ext]) => `${bytes.length.toString(16)}${ext}\r\n${bytes}\r\n`);
    return { line: "Transfer-Encoding: chunked\r\n", sent: `${lines.join("")}0\r\n${trailers}\r\n` };
  },
);
const countedBody = payload.map((bytes) => ({ line: `Content-Length: ${bytes.length}\r\n`, sent: bytes }));
const noBody = fc.constant({ line: "", sent: "" });
const body = fc.oneof(countedBody, chunkedBody, noBody);
const connection = fc.constantFrom(
  "",
  "",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "connection: X-Y, Keep-Alive\r\n",
);
const following = fc.constantFrom("", "GET /next HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n", "junk");

/** A well-formed request, and where its last byte is. */
const request = fc.record({ method, target, lines: fc.array(fieldLine, { maxLength: 6 }), connection, body, following })
  .map((parts) => {
    const head = `${parts.method} ${parts.target} HTTP/1.1\r\nHost: a${/:80/.test(parts.target) ? ":80" : ""}\r\n`;
    const whole = head + parts.connection + parts.lines.join("") + parts.body.line + "\r\n" + parts.body.sent;
    return { wire: whole + parts.following, length: whole.length };
  });

const response = fc.record({
  status: fc.constantFrom(100, 103, 200, 202, 204, 206, 304, 404, 500, 599),
  version: fc.constantFrom("1.1", "1.1", "1.0"),
  reason: fc.constantFrom(" OK", " Not \xe9 Found", " ", ""),
  lines: fc.array(fieldLine, { maxLength: 6 }),
  connection,
  body,
  following,
}).map((parts) =>
  `HTTP/${parts.version} ${parts.status}${parts.reason}\r\n${parts.connection}${
    parts.lines.join("")
  }${parts.body.line}` +
  `\r\n${parts.body.sent}${parts.following}`
);

/** What smuggling is made of. */
const SNIPPETS = [
  ...'\r\n\0\t\v\f\x7f\x80\xff :;,=+-_#?*"\\/<>{}0159afxX',
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "\r\n\t",
  " :",
  "0x",
  "chunked",
  "identity",
  "Content-Length: 3\r\n",
  "Content-Length: +3\r\n",
  "Content-Length:\r\n",
  "Content-Length: 3, 3\r\n",
  "Content_Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: xchunked\r\n",
  "Transfer-Encoding:\vchunked\r\n",
  "Transfer-Encoding: chunked, chunked\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Transfer-Encoding\r\n : chunked\r\n",
  "Host: b\r\n",
  "Connection: close\r\n",
  "Connection: upgrade\r\nUpgrade: h2c\r\n",
  "Connection: content-length\r\n",
  "Expect: 100-continue\r\n",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/2.0",
  "GET / HTTP/1.1\r\n",
  "0\r\n\r\n",
  "3;a=b\r\n",
  "ffffffffffffffff",
];

interface Mutation {
  readonly kind: "insert" | "replace" | "delete" | "double";
  readonly at: number;
  readonly length: number;
  readonly snippet: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("insert", "replace", "delete", "double"),
  at: fc.nat(400),
  length: fc.integer({ min: 1, max: 6 }),
  snippet: fc.constantFrom(...SNIPPETS),
});

/** `wire` with some of its bytes gone, doubled, replaced or added to; often at a line's start, where it hurts most. */
function mutate(wire: string, mutations: readonly Mutation[]): string {
  let text = wire;
  for (const { kind, at, length, snippet } of mutations) {
    const starts = [...text.matchAll(/\n/g)].map((match) => match.index + 1);
    const position = at % 3 === 0 && starts.length > 0 ? starts[at % starts.length]! : at % (text.length + 1);
    const before = text.slice(0, position);
    const after = text.slice(position);
    if (kind === "insert") text = before + snippet + after;
    else if (kind === "replace") text = before + snippet + after.slice(snippet.length);
    else if (kind === "delete") text = before + after.slice(length);
    else text = before + after.slice(0, length * 5) + after;
  }
  return text;
}

// ---- comparisons ----------------------------------------------------------------------------------------------------

const METHODS: ReadonlySet<string> = new Set(Object.keys(constants.METHODS));

/** llhttp reads `close` with a tab beside it as another option, against RFC 9110 §5.6.1; the end of the message is the same. */
const TAB_IN_CONNECTION = /^connection:.*\t/im;

/** @returns whether the engine accepted; @throws AssertionError if it did and llhttp differs */
function agreesOnRequest(wire: string): boolean {
  const bytes = latin1(wire);
  let ours: ReturnType<typeof readRequest>;
  if (refusal(() => ours = readRequest(bytes)) !== undefined || ours === undefined) return false;
  const { head } = ours;
  // llhttp knows a closed list of methods; HTTP does not (RFC 9110 §9.1). Another one is compared as if it were MERGE.
  const known = METHODS.has(head.method);
  const offset = known ? 0 : head.method.length - "MERGE".length;
  const { message, consumed, refused } = trustedRequest(
    known ? bytes : latin1("MERGE" + wire.slice(head.method.length)),
  );
  assert.ok(message, `llhttp refuses what the engine accepts: ${refused}`);
  if (known) assert.equal(head.method, message.method);
  assert.equal(head.target, originForm(message));
  assert.equal(head.minorVersion, message.minorVersion);
  assert.deepEqual(head.fields, message.fields);
  assert.deepEqual(ours.body, new Uint8Array(message.body));
  assert.equal(ours.consumed, consumed! + offset);
  if (!TAB_IN_CONNECTION.test(wire)) assert.equal(head.keepAlive, message.keepAlive);
  return true;
}

/** RFC 9112 §3.2.2, written down independently of the engine. */
function originForm(message: { method: string; target: string }): string {
  const { method, target } = message;
  if (!/^http/i.test(target)) return target;
  const rest = target.replace(/^[a-z]+:\/\/[^/?]*/i, "");
  if (rest === "" && method === "OPTIONS") return "*";
  return rest.startsWith("/") ? rest : "/" + rest;
}

function agreesOnResponse(wire: string, requestMethod: string): boolean {
  const bytes = latin1(wire);
  let ours: ReturnType<typeof readResponse>;
  if (refusal(() => ours = readResponse(bytes, requestMethod)) !== undefined || ours === undefined) return false;
  const { message, consumed, refused } = trustedResponse(bytes, requestMethod);
  assert.ok(message, `llhttp refuses what the engine accepts: ${refused}`);
  assert.equal(ours.head.status, message.status);
  assert.equal(ours.head.minorVersion, message.minorVersion);
  assert.deepEqual(ours.head.fields, message.fields);
  assert.deepEqual(ours.body, new Uint8Array(message.body));
  assert.equal(ours.consumed, consumed);
  if (!TAB_IN_CONNECTION.test(wire)) {
    assert.ok(message.keepAlive || !ours.head.keepAlive, "the engine would keep a connection that llhttp would close");
  }
  return true;
}

/** Runs a differential property; it must have accepted some and refused some, or it compared nothing. */
function compare(property: (accepted: (yes: boolean) => void) => fc.IProperty<unknown>): void {
  let accepted = 0;
  let refused = 0;
  fc.assert(property((yes) => yes ? accepted++ : refused++), { numRuns: 4000 });
  assert.ok(accepted > 100 && refused > 100, `compared ${accepted}, refused ${refused}`);
}

// ---- properties -----------------------------------------------------------------------------------------------------

Deno.test("http1 request parser accepts every well-formed request and agrees with llhttp", STRICT, () => {
  fc.assert(
    fc.property(request, ({ wire, length }) => {
      assert.ok(agreesOnRequest(wire), refusal(() => readRequest(latin1(wire))) ?? "incomplete");
      assert.equal(readRequest(latin1(wire))?.consumed, length);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("http1 request parser agrees with llhttp when well-formed requests are damaged", STRICT, () => {
  compare((accepted) =>
    fc.property(request, fc.array(mutation, { minLength: 1, maxLength: 3 }), ({ wire }, mutations) => {
      accepted(agreesOnRequest(mutate(wire, mutations)));
    })
  );
});

Deno.test("http1 request parser agrees with llhttp when hostile lines are thrown together", STRICT, () => {
  const line = fc.oneof(fieldLine, fc.constantFrom(...SNIPPETS.filter((snippet) => snippet.endsWith("\r\n"))));
  const requestLine = fc.constantFrom("POST / HTTP/1.1\r\nHost: a\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n");
  const sent = fc.oneof(body.map((it) => it.sent), payload);
  compare((accepted) =>
    fc.property(requestLine, fc.array(line, { maxLength: 4 }), sent, following, (first, lines, sent, next) => {
      accepted(agreesOnRequest(`${first}${lines.join("")}\r\n${sent}${next}`));
    })
  );
});

Deno.test("http1 response parser agrees with llhttp when responses are whole or damaged", STRICT, () => {
  compare((accepted) =>
    fc.property(
      response,
      fc.array(mutation, { maxLength: 2 }),
      fc.constantFrom("GET", "POST", "HEAD"),
      (wire, mutations, asked) => {
        accepted(agreesOnResponse(mutate(wire, mutations), asked));
      },
    )
  );
});
