// Heads: what a request or response means, which limits hold, what is sent. Hostile input: tests/contract/http1_smuggling*.
import assert from "node:assert/strict";
import { innerHead } from "../../../../../lib/gateway/legacy/inner_head.ts";
import { CHUNKED, HttpError, type RequestHead, UNTIL_CLOSE } from "../../../../../lib/http1/types.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "../../../../../lib/http1/wire/fields/fields_parse.ts";
import {
  madeHead,
  parseRequestHead,
  parseResponseHead,
  varyRequest,
  varyResponse,
} from "../../../../../lib/http1/wire/heads/head.ts";
import { formatRequestHead, formatResponseHead } from "../../../../../lib/http1/wire/heads/head_format.ts";
import { refusal } from "../../../../support/http1_messages.ts";
import { STRICT } from "../../../../support/strict.ts";

function parse(text: string, limits: Partial<HeadLimits> = {}): RequestHead {
  return parseRequestHead(text, { ...DEFAULT_HEAD_LIMITS, ...limits });
}

function respond(text: string, method = "GET") {
  return parseResponseHead(text, method, DEFAULT_HEAD_LIMITS);
}

Deno.test("parseRequestHead reads every part when the head is well-formed", STRICT, () => {
  const head = parse(
    "POST /mcp?a=b?c HTTP/1.1\r\nHost: h.example:81\r\nX-Odd_Name:  \t a \xe9 b\t \r\nACCEPT:\r\nContent-Length: 12\r\n" +
      "Expect: 100-continue\r\n\r\n",
  );
  assert.deepEqual(head, {
    method: "POST",
    target: "/mcp?a=b?c",
    path: "/mcp",
    query: "?a=b?c",
    minorVersion: 1,
    fields: [
      ...["host", "h.example:81", "x-odd_name", "a \xe9 b", "accept", "", "content-length", "12"],
      ...["expect", "100-continue"],
    ],
    changing: [],
    host: "h.example:81",
    bodyLength: 12,
    keepAlive: true,
    expectsContinue: true,
    notes: undefined,
  });
});

Deno.test("heads have the same members in the same order, wherever they come from", STRICT, () => {
  const asked = parseRequestHead("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", DEFAULT_HEAD_LIMITS);
  const other = { fields: [], bodyLength: 2, changing: [], notes: { value: undefined } };
  const ofSignet = { method: "GET", path: "/b", bodyLength: 0, extra: [], sessionId: undefined, version: undefined };
  for (const head of [varyRequest(asked, other), innerHead(asked, ofSignet)]) {
    assert.deepEqual(Object.keys(head), Object.keys(asked));
  }
  const answered = parseResponseHead("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", "POST", DEFAULT_HEAD_LIMITS);
  for (const head of [varyResponse(answered, other), madeHead(200, [], 0)]) {
    assert.deepEqual(Object.keys(head), Object.keys(answered));
  }
});

Deno.test("parseRequestHead keeps a field apart that changes with each message, and takes it once only", STRICT, () => {
  const limits = { ...DEFAULT_HEAD_LIMITS, changing: ["x-first", "x-each"] };
  const text = "GET / HTTP/1.1\r\nHost: a\r\nX-Each: 17\r\nX-Other: b\r\n\r\n";
  const head = parseRequestHead(text, limits);
  assert.deepEqual([head.fields, head.changing], [["host", "a", "x-other", "b"], [undefined, "17"]]);
  const both = parseRequestHead(text.replace("X-Other: b", "X-First:  "), limits);
  assert.deepEqual([both.fields, both.changing], [["host", "a"], ["", "17"]]);
  const twice = text.replace("X-Other", "X-EACH");
  assert.throws(() => parseRequestHead(twice, limits), { code: "bad_request" });
  assert.deepEqual(parse(text).fields.slice(2), ["x-each", "17", "x-other", "b"]);
  assert.throws(() => parseRequestHead(text, { ...limits, maxFields: 2 }), { code: "head_too_large" });
  const answer = parseResponseHead("HTTP/1.1 200 OK\r\nX-Each: 1\r\nX-Each: 2\r\n\r\n", "GET", limits);
  assert.deepEqual([answer.fields, answer.changing], [["x-each", "2"], [undefined, "1"]]);
});

Deno.test("parseRequestHead lower-cases a name when it is written in any case", STRICT, () => {
  for (const name of ["content-type", "Content-Type", "CONTENT-TYPE", "cOnTeNt-TyPe", "Mcp-Session-ID", "X^_`|~Z"]) {
    assert.equal(parse(`GET / HTTP/1.1\r\nHost: a\r\n${name}: v\r\n\r\n`).fields[2], name.toLowerCase());
  }
});

Deno.test("parseRequestHead tells persistence from version and Connection", STRICT, () => {
  const cases: [version: string, lines: string, keepAlive: boolean][] = [
    ["1.1", "", true],
    ["1.1", "Connection: close\r\n", false],
    ["1.1", "Connection: Close\r\n", false],
    ["1.1", "Connection: keep-alive, close\r\n", false],
    ["1.1", "Connection: x\r\nConnection: ,close\r\n", false],
    ["1.1", "Connection: closed\r\n", true],
    ["1.0", "", false],
    ["1.0", "Connection: Keep-Alive\r\n", true],
    ["1.0", "Connection: x, keep-alive\r\n", true],
    ["1.0", "Connection: x\r\n", false],
    ["1.0", "Connection: keep-alive, close\r\n", false],
  ];
  for (const [version, lines, keepAlive] of cases) {
    assert.equal(parse(`GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`).keepAlive, keepAlive, `${version} ${lines}`);
  }
});

Deno.test(
  "parseRequestHead has no host when HTTP/1.0 names none, and the target's when it names one",
  STRICT,
  () => {
    assert.equal(parse("GET / HTTP/1.0\r\n\r\n").host, "");
    assert.equal(parse("GET http://b:1/ HTTP/1.0\r\n\r\n").host, "b:1");
    assert.equal(parse("GET http://B/ HTTP/1.1\r\nHost: b\r\n\r\n").host, "b");
  },
);

Deno.test("parseRequestHead expects a continue only when there is a body and HTTP/1.1", STRICT, () => {
  const expect = (version: string, line: string) =>
    parse(`POST / HTTP/${version}\r\nHost: a\r\nExpect: 100-CONTINUE\r\n${line}\r\n`).expectsContinue;
  assert.equal(expect("1.1", "Content-Length: 1\r\n"), true);
  assert.equal(expect("1.1", "Transfer-Encoding: chunked\r\n"), true);
  assert.equal(expect("1.1", "Content-Length: 0\r\n"), false);
  assert.equal(expect("1.1", ""), false);
  assert.equal(expect("1.0", "Content-Length: 1\r\n"), false);
});

Deno.test("parseRequestHead refuses at one beyond a limit and not before", STRICT, () => {
  const lines = (count: number) => `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(count - 1)}\r\n`;
  assert.equal(refusal(() => parse(lines(5), { maxFields: 5 })), undefined);
  assert.equal(refusal(() => parse(lines(6), { maxFields: 5 })), "head_too_large");
  const target = (length: number) => `GET /${"x".repeat(length - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  assert.equal(refusal(() => parse(target(9), { maxTargetLength: 9 })), undefined);
  assert.equal(refusal(() => parse(target(10), { maxTargetLength: 9 })), "uri_too_long");
  const unfinished = `GET /${"x".repeat(20)}\r\nHost: a\r\n\r\n`;
  assert.equal(refusal(() => parse(unfinished, { maxTargetLength: 9 })), "uri_too_long");
});

Deno.test("parseRequestHead takes Content-Length up to fifteen digits when it is exact", STRICT, () => {
  const length = (digits: string) =>
    parse(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${digits}\r\n\r\n`).bodyLength;
  assert.equal(length("0"), 0);
  assert.equal(length("999999999999999"), 999999999999999);
  assert.equal(refusal(() => length("1000000000000000")), "body_too_large");
});

Deno.test(
  "parseRequestHead refuses a singleton of its user when it is repeated or named in Connection",
  STRICT,
  () => {
    const limits = { singletons: new Set(["mcp-session-id"]) };
    const head = (lines: string) => `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
    const id = "Mcp-Session-Id: x\r\n";
    assert.equal(refusal(() => parse(head(id), limits)), undefined);
    assert.equal(refusal(() => parse(head(id + id), limits)), "bad_request");
    assert.equal(refusal(() => parse(head(id + id))), undefined);
    const named = head(`${id}Connection: close, MCP-Session-ID\r\n`);
    assert.equal(refusal(() => parse(named, limits)), "bad_request");
    assert.equal(refusal(() => parse(named)), undefined);
    // A value that looks like a name is no second field.
    assert.equal(refusal(() => parse(head(`X: mcp-session-id\r\n${id}`), limits)), undefined);
    // Framing, routing and Expect are held to it whatever the user says.
    for (const line of ["Host: a", "Content-Length: 1", "Transfer-Encoding: chunked", "Expect: 100-continue"]) {
      assert.equal(refusal(() => parse(head(`${line}\r\n${line}\r\n`), limits)), "bad_request", line);
      const named = `Connection: ${line.slice(0, line.indexOf(":"))}\r\n`;
      assert.equal(refusal(() => parse(head(named), limits)), "bad_request", named);
    }
  },
);

Deno.test("parseRequestHead never quotes the input when it refuses", STRICT, () => {
  const heads = [
    "GET /S3CRET#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "S3CRET / HTTP/1.1\r\nHost: S3CRET@\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: S3CRET\x00\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: S3CRET S3CRET\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: S3CRET\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: S3CRET\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: S3CRET\r\n\r\n",
  ];
  for (const head of heads) {
    assert.throws(() => parse(head), (error) => error instanceof HttpError && !/s3cret/i.test(error.message));
  }
});

Deno.test("parseRequestHead refuses bytes after the head when its caller cut wrongly", STRICT, () => {
  assert.equal(refusal(() => parse("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /")), "bad_request");
  assert.equal(refusal(() => parse("GET / HTTP/1.1\r\nHost: a\r\n\r\nX: y\r\n\r\n")), "bad_request");
  assert.equal(refusal(() => parse("GET / HTTP/1.1\r\nHost: a\r\n")), "bad_request");
});

Deno.test("parseResponseHead frames the body by status, method and fields", STRICT, () => {
  const cases: [status: number, method: string, lines: string, bodyLength: number, keepAlive: boolean][] = [
    [200, "GET", "Content-Length: 5\r\n", 5, true],
    [200, "GET", "Transfer-Encoding: chunked\r\n", CHUNKED, true],
    [200, "GET", "", UNTIL_CLOSE, false],
    [200, "GET", "Connection: keep-alive\r\n", UNTIL_CLOSE, false],
    [200, "GET", "Content-Length: 5\r\nConnection: close\r\n", 5, false],
    [200, "HEAD", "Content-Length: 5\r\n", 0, true],
    [200, "HEAD", "Transfer-Encoding: chunked\r\n", 0, true],
    [200, "HEAD", "", 0, true],
    [304, "GET", "Content-Length: 5\r\n", 0, true],
    [304, "GET", "", 0, true],
    [204, "GET", "", 0, true],
    [204, "GET", "Content-Length: 0\r\n", 0, true],
    // What the sender says and what the status says do not go together: the connection cannot be trusted further.
    [204, "GET", "Content-Length: 5\r\n", 0, false],
    [204, "GET", "Transfer-Encoding: chunked\r\n", 0, false],
    [100, "POST", "", 0, true],
    [103, "POST", "Link: </x>\r\n", 0, true],
    [202, "POST", "Content-Length: 0\r\n", 0, true],
  ];
  for (const [status, method, lines, bodyLength, keepAlive] of cases) {
    const head = respond(`HTTP/1.1 ${status} X\r\n${lines}\r\n`, method);
    assert.deepEqual([head.bodyLength, head.keepAlive], [bodyLength, keepAlive], `${status} to ${method}, ${lines}`);
  }
});

Deno.test("parseResponseHead reads status, reason and version", STRICT, () => {
  const head = respond("HTTP/1.0 404 Not \xe9 Found\r\nMCP-Session-Id: x\r\nContent-Length: 1\r\n\r\n");
  assert.deepEqual([head.status, head.reason, head.minorVersion], [404, "Not \xe9 Found", 0]);
  assert.deepEqual(head.fields, ["mcp-session-id", "x", "content-length", "1"]);
  assert.equal(head.keepAlive, false);
  assert.equal(respond("HTTP/1.1 200 \r\n\r\n").reason, "");
  assert.equal(respond("HTTP/1.1 200\r\n\r\n").reason, "");
});

Deno.test("parseResponseHead calls every fault upstream_invalid", STRICT, () => {
  const heads = {
    "not HTTP": "SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.2": "HTTP/1.2 200 OK\r\n\r\n",
    "status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": "HTTP/1.1 2000 OK\r\n\r\n",
    "status below 100": "HTTP/1.1 099 OK\r\n\r\n",
    "status above 599": "HTTP/1.1 600 OK\r\n\r\n",
    "two blanks": "HTTP/1.1  200 OK\r\n\r\n",
    "tab": "HTTP/1.1\t200 OK\r\n\r\n",
    "control in the reason": "HTTP/1.1 200 O\x00K\r\n\r\n",
    "bare LF": "HTTP/1.1 200 OK\nX: y\r\n\r\n",
    "switching protocols, which nobody asked for": "HTTP/1.1 101 Switching\r\n\r\n",
    "interim with a body": "HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n",
    "CL and TE": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CL twice": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "CL list": "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
    "huge CL": "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "unknown coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "TE in HTTP/1.0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "obs-fold": "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
    "space before the colon": "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
    "too many fields": `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(101)}\r\n`,
  };
  for (const [name, head] of Object.entries(heads)) {
    assert.equal(refusal(() => respond(head)), "upstream_invalid", name);
  }
});

Deno.test("formatRequestHead writes the framing that the body needs", STRICT, () => {
  const fields = ["host", "a", "x-y", "z"];
  const start = "POST /x HTTP/1.1\r\nhost: a\r\nx-y: z\r\n";
  assert.equal(formatRequestHead("POST", "/x", fields, 0), `${start}content-length: 0\r\n\r\n`);
  assert.equal(formatRequestHead("POST", "/x", fields, 7), `${start}content-length: 7\r\n\r\n`);
  assert.equal(formatRequestHead("POST", "/x", fields, CHUNKED), `${start}transfer-encoding: chunked\r\n\r\n`);
  assert.equal(formatRequestHead("POST", "/x", fields, undefined), `${start}\r\n`);
});

Deno.test("formatRequestHead throws when a part cannot be sent as it is", STRICT, () => {
  const fields = (...list: string[]) => () => formatRequestHead("GET", "/", ["host", "a", ...list], undefined);
  const attempts: Record<string, () => unknown> = {
    "method": () => formatRequestHead("GE T", "/", [], undefined),
    "target with a blank": () => formatRequestHead("GET", "/ HTTP/1.1\r\nX: y", [], undefined),
    "empty target": () => formatRequestHead("GET", "", [], undefined),
    "LF in a value": fields("x", "a\nb"),
    "CR in a value": fields("x", "a\rb"),
    "NUL in a value": fields("x", "a\0b"),
    "character that latin1 would cut to LF": fields("x", "a\u010ab"),
    "colon in a name": fields("x: y", "a"),
    "CR LF in a name": fields("x\r\ny", "a"),
    "capital in a name": fields("Content-Length", "5"),
    "name without a value": fields("x"),
    "framing of the user's own": fields("content-length", "5"),
    "connection field of the user's own": fields("connection", "close"),
    "body until close": () => formatRequestHead("GET", "/", [], UNTIL_CLOSE),
    "length that is none": () => formatRequestHead("GET", "/", [], NaN),
    "negative length": () => formatRequestHead("GET", "/", [], -7),
    "fraction of a byte": () => formatRequestHead("GET", "/", [], 0.5),
  };
  for (const [name, attempt] of Object.entries(attempts)) assert.throws(attempt, TypeError, name);
});

Deno.test("formatResponseHead writes framing and persistence for the request's version", STRICT, () => {
  const write = (status: number, bodyLength: number | undefined, close = false, minorVersion: 0 | 1 = 1) =>
    formatResponseHead({ status, fields: ["x", "y"] }, { bodyLength, close, minorVersion });
  assert.equal(write(200, 5), "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\n\r\n");
  assert.equal(write(200, CHUNKED), "HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n");
  assert.equal(write(200, UNTIL_CLOSE, true), "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\n");
  assert.equal(write(200, 5, true), "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\nconnection: close\r\n\r\n");
  assert.equal(
    write(200, 5, false, 0),
    "HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n",
  );
  assert.equal(write(204, 0), "HTTP/1.1 204 No Content\r\nx: y\r\n\r\n");
  assert.equal(write(304, undefined), "HTTP/1.1 304 Not Modified\r\nx: y\r\n\r\n");
  assert.equal(write(299, 0), "HTTP/1.1 299 \r\nx: y\r\ncontent-length: 0\r\n\r\n");
});

Deno.test("formatResponseHead throws when the response could not be understood", STRICT, () => {
  const write = (status: number, bodyLength: number | undefined, close = false, minorVersion: 0 | 1 = 1) => () =>
    formatResponseHead({ status, fields: [] }, { bodyLength, close, minorVersion });
  assert.throws(write(200, CHUNKED, true, 0), TypeError);
  assert.throws(write(200, UNTIL_CLOSE, false), TypeError);
  assert.throws(write(204, 5), TypeError);
  assert.throws(write(304, CHUNKED), TypeError);
  assert.throws(write(99, 0), TypeError);
  assert.throws(write(600, 0), TypeError);
  assert.throws(write(200.5, 0), TypeError);
  const framing = { bodyLength: 0, close: false, minorVersion: 1 } as const;
  assert.throws(() => formatResponseHead({ status: 200, reason: "OK\r\nX: y", fields: [] }, framing), TypeError);
  assert.throws(() => formatResponseHead({ status: 200, fields: ["x", "\n"] }, framing), TypeError);
});

Deno.test("a head with two hosts is not sent, as none is understood", STRICT, () => {
  const fields = ["host", "", "host", ""];
  assert.throws(
    () => formatResponseHead({ status: 200, fields }, { bodyLength: 0, close: false, minorVersion: 1 }),
    TypeError,
  );
  assert.throws(() => formatRequestHead("GET", "/", fields, undefined), TypeError);
});
