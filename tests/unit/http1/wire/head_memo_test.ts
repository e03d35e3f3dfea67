// Remembered heads mean, and are sent, exactly as if they were parsed and formatted anew.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { HeadMemo } from "../../../../lib/http1/wire/head_memo.ts";
import { HeadTexts } from "../../../../lib/http1/client/sent_heads.ts";
import { parseRequestHead, parseResponseHead } from "../../../../lib/http1/wire/head.ts";
import { DEFAULT_HEAD_LIMITS } from "../../../../lib/http1/wire/fields_parse.ts";
import { formatRequestHead } from "../../../../lib/http1/wire/head_format.ts";
import { CHUNKED, type RequestHead, type ResponseHead } from "../../../../lib/http1/types.ts";
import { STRICT } from "../../../support/strict.ts";

const HEAD = "POST /mcp HTTP/1.1\r\nHost: a\r\nX-Note: content-length: 7\r\nContent-Length: 12\r\nX-Last: y\r\n\r\n";
const parse = (text: string) => parseRequestHead(text, DEFAULT_HEAD_LIMITS);

function memoOf(text: string): HeadMemo<RequestHead> {
  const memo = new HeadMemo<RequestHead>(new ByteAccount());
  memo.keep(text, parse(text));
  return memo;
}

Deno.test("a memo knows the same head again, and the same with another length", STRICT, () => {
  for (const length of ["12", "1", "99", "4194304", "999999999999999"]) {
    const text = HEAD.replace(": 12", `: ${length}`);
    const found = memoOf(HEAD).find(text);
    assert.deepEqual(found, parse(text));
  }
});

Deno.test("a memo never says what the parser would not", STRICT, () => {
  const others = [
    HEAD.replace(": 12", ": 012"),
    HEAD.replace(": 12", ": +12"),
    HEAD.replace(": 12", ": -1"),
    HEAD.replace(": 12", ": 0x12"),
    HEAD.replace(": 12", ": "),
    HEAD.replace(": 12", ": 1 2"),
    HEAD.replace(": 12", ": 12, 12"),
    HEAD.replace(": 12", ": 0"),
    HEAD.replace(": 12", ": 9999999999999999"),
    HEAD.replace(": 12", ": 12\r\nTransfer-Encoding: chunked"),
    HEAD.replace(": 12", ": 12\r\nContent-Length: 12"),
    HEAD.replace("note", "nota"),
    HEAD.replace("/mcp", "/mcq"),
    HEAD.replace("X-Last: y", "X-Last: z"),
    HEAD.replace("content-length: 7", "content-length: 8"),
    "",
  ];
  for (const text of others) {
    const found = memoOf(HEAD).find(text);
    if (found === undefined) continue;
    assert.deepEqual(found, parse(text), JSON.stringify(text));
  }
  assert.equal(memoOf(HEAD).find(others[0]!), undefined);
  assert.equal(memoOf(HEAD).find(others[7]!), undefined, "no body: left to the parser");
});

Deno.test("a memo of a head without a length, or with a chunked body, knows only its own text", STRICT, () => {
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  assert.deepEqual(memoOf(get).find(get), parse(get));
  assert.equal(memoOf(get).find(get.replace("Host: a", "Host: b")), undefined);
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  assert.equal(memoOf(chunked).find(chunked)?.bodyLength, CHUNKED);
});

Deno.test("a response whose length is not its body's is remembered word for word only", STRICT, () => {
  const text = "HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n";
  const memo = new HeadMemo<ResponseHead>(new ByteAccount());
  memo.keep(text, parseResponseHead(text, "GET", DEFAULT_HEAD_LIMITS));
  assert.equal(memo.find(text)?.bodyLength, 0);
  assert.equal(memo.find(text.replace("12", "13")), undefined);
});

Deno.test("what a user does to a head does not change what is remembered", STRICT, () => {
  const memo = memoOf(HEAD);
  for (let i = 0; i < 2; i++) {
    const found = memo.find(HEAD)!;
    found.fields.length = 0;
    found.fields.push("spoilt", "yes");
  }
  assert.deepEqual(memo.find(HEAD), parse(HEAD));
});

Deno.test("a memo that is of no use fades; one in use does not", STRICT, () => {
  const memo = memoOf(HEAD);
  memo.find(HEAD);
  memo.fade();
  assert.ok(memo.find(HEAD));
  memo.fade();
  memo.fade();
  assert.equal(memo.find(HEAD), undefined);
});

Deno.test("texts of heads are what formatRequestHead makes, known or not", STRICT, () => {
  const texts = new HeadTexts();
  const token = "t".repeat(100);
  const fields = ["host", "a", "authorization", token, "x-y", "z"];
  const cases: [string, string, string[], number | undefined][] = [];
  for (const method of ["POST", "PUT"]) {
    for (const target of ["/a", "/b"]) {
      for (const list of [fields, [...fields, "x", "y"], ["host", "b", ...fields.slice(2)], ["host", "a"]]) {
        for (const length of [0, 5, 500, CHUNKED, undefined]) cases.push([method, target, list, length]);
      }
    }
  }
  for (let round = 0; round < 3; round++) {
    for (const [method, target, list, length] of cases) {
      assert.equal(texts.format(method, target, list, length), formatRequestHead(method, target, list, length));
    }
  }
});

Deno.test("texts of heads refuse what cannot be sent, and do not remember it", STRICT, () => {
  const texts = new HeadTexts();
  const fields = ["host", "a", "authorization", "t".repeat(100)];
  texts.format("POST", "/", fields, 5);
  fields.push("x", "a\r\nb: c");
  for (let i = 0; i < 2; i++) assert.throws(() => texts.format("POST", "/", fields, 5), TypeError);
});

Deno.test("texts of heads survive more heads than are kept", STRICT, () => {
  const texts = new HeadTexts();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++) {
      const fields = ["host", "a", "authorization", String(i).padStart(100, "t")];
      assert.equal(texts.format("POST", "/", fields, 5), formatRequestHead("POST", "/", fields, 5));
    }
  }
});
