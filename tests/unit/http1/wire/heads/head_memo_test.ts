// Remembered heads mean, and are sent, exactly as if they were parsed and formatted anew.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { SentHeads } from "../../../../../lib/http1/client/sent_heads.ts";
import { SentAnswers } from "../../../../../lib/http1/server/sent_answers.ts";
import {
  CHUNKED,
  newMadeHead,
  type RequestHead,
  type ResponseHead,
  type ResponseStart,
  UNTIL_CLOSE,
} from "../../../../../lib/http1/types.ts";
import { DEFAULT_HEAD_LIMITS } from "../../../../../lib/http1/wire/fields/fields_parse.ts";
import {
  parseRequestHead,
  parseResponseHead,
  varyRequest,
  varyResponse,
} from "../../../../../lib/http1/wire/heads/head.ts";
import {
  formatRequestHead,
  formatResponseHead,
  type ResponseFraming,
} from "../../../../../lib/http1/wire/heads/head_format.ts";
import { HeadMemo } from "../../../../../lib/http1/wire/heads/head_memo.ts";
import { type Head, headLength, placeHead } from "../../../../../lib/http1/wire/ready_head.ts";
import { STRICT } from "../../../../support/strict.ts";

const HEAD = "POST /mcp HTTP/1.1\r\nHost: a\r\nX-Note: content-length: 7\r\nContent-Length: 12\r\nX-Last: y\r\n\r\n";
const parse = (text: string) => parseRequestHead(text, DEFAULT_HEAD_LIMITS);

/** As it goes on the wire. */
function textOf(head: Head, bodyLength = 0): string {
  const bytes = new Uint8Array(headLength(head, bodyLength));
  placeHead(head, bodyLength, bytes);
  return String.fromCharCode(...bytes);
}

/** What a head says, without the room for notes that only remembered ones have. */
function said(head: RequestHead | undefined): RequestHead | undefined {
  return head && { ...head, notes: undefined };
}

/** What `memo` finds where `text` has arrived behind something else, with the beginning of a body behind it. */
function find<Head extends RequestHead | ResponseHead>(memo: HeadMemo<Head>, text: string): Head | undefined {
  const bytes = Uint8Array.from(`xyz${text}{"id":`, (char) => char.charCodeAt(0));
  const found = memo.find(bytes, 3, bytes.length);
  if (found !== undefined) assert.equal(memo.found, text.length);
  return found;
}

function memoOf(text: string): HeadMemo<RequestHead> {
  const memo = new HeadMemo(new ByteAccount(), { changing: [], vary: varyRequest });
  memo.keep(text, parse(text));
  return memo;
}

Deno.test("a memo knows the same head again, and the same with another length", STRICT, () => {
  for (const length of ["12", "1", "99", "120", "4194304", "999999999999999"]) {
    const text = HEAD.replace(": 12", `: ${length}`);
    const found = find(memoOf(HEAD), text);
    assert.deepEqual(said(found), parse(text));
  }
});

Deno.test("a memo knows no head before its last byte has arrived, whatever lies behind it still", STRICT, () => {
  for (const text of [HEAD, HEAD.replace(": 12", ": 345"), HEAD.replace("Content-Length: 12\r\n", "")]) {
    const memo = memoOf(text);
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    for (let end = 0; end < bytes.length; end++) assert.equal(memo.find(bytes, 0, end), undefined);
    assert.notEqual(memo.find(bytes, 0, bytes.length), undefined);
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
    const found = find(memoOf(HEAD), text);
    if (found === undefined) continue;
    assert.deepEqual(said(found), parse(text), JSON.stringify(text));
  }
  assert.equal(find(memoOf(HEAD), others[0]!), undefined);
  assert.equal(find(memoOf(HEAD), others[7]!), undefined, "no body: left to the parser");
});

Deno.test("a memo of a head without a length, or with a chunked body, knows only its own text", STRICT, () => {
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  assert.deepEqual(said(find(memoOf(get), get)), parse(get));
  assert.equal(find(memoOf(get), get.replace("Host: a", "Host: b")), undefined);
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  assert.equal(find(memoOf(chunked), chunked)?.bodyLength, CHUNKED);
});

Deno.test("a response whose length is not its body's is remembered word for word only", STRICT, () => {
  const text = "HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n";
  const memo = new HeadMemo(new ByteAccount(), { changing: [], vary: varyResponse });
  memo.keep(text, parseResponseHead(text, "GET", DEFAULT_HEAD_LIMITS));
  assert.equal(find(memo, text)?.bodyLength, 0);
  assert.equal(find(memo, text.replace("12", "13")), undefined);
});

Deno.test("heads that say the same are one object, which nobody may change; others are others", STRICT, () => {
  const memo = memoOf(HEAD);
  const [first, longer] = [find(memo, HEAD), find(memo, HEAD.replace(": 12", ": 99"))];
  assert.equal(find(memo, HEAD), first);
  assert.equal(find(memo, HEAD.replace(": 12", ": 99")), longer);
  assert.notEqual(find(memo, HEAD.replace(": 12", ": 100")), longer);
  assert.deepEqual(said(find(memo, HEAD)), parse(HEAD));
});

Deno.test("a memo finds nothing before the head is there whole, nor beyond what has arrived", STRICT, () => {
  for (const text of [HEAD, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"]) {
    const memo = memoOf(text);
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    for (let end = 0; end < bytes.length; end++) assert.equal(memo.find(bytes, 0, end), undefined, `${end} bytes`);
    assert.ok(memo.find(bytes, 0, bytes.length));
  }
});

Deno.test("a memo compares bytes, not letters: latin1 and letters of another case are others", STRICT, () => {
  const head = HEAD.replace("X-Last: y", "X-Last: \xe9");
  assert.deepEqual(said(find(memoOf(head), head)), parse(head));
  assert.equal(find(memoOf(head), HEAD.replace("X-Last: y", "X-Last: \xc3\xa9")), undefined);
  assert.equal(find(memoOf(HEAD), HEAD.replace("Host", "host")), undefined);
});

/** A field that is another in each message. */
const EACH = "POST /mcp HTTP/1.1\r\nHost: a\r\nX-Note: b\r\ncontent-length: 12\r\nx-each: 017abc\r\n\r\n";
const parseEach = (text: string) => parseRequestHead(text, { ...DEFAULT_HEAD_LIMITS, changing: CHANGING });
const CHANGING = ["x-not-there", "x-each"];

function memoOfEach(text: string): HeadMemo<RequestHead> {
  const memo = new HeadMemo(new ByteAccount(), { changing: CHANGING, vary: varyRequest });
  memo.keep(text, parseEach(text));
  return memo;
}

Deno.test("a memo knows a head again whose changing field says something else, and hands that out", STRICT, () => {
  const memo = memoOfEach(EACH);
  const first = find(memo, EACH);
  assert.deepEqual(first?.changing, [undefined, "017abc"]);
  for (const [length, value] of [["12", "018abc"], ["4194304", "zzzzz9"], ["12", "017abc"]] as const) {
    const text = EACH.replace(": 12", `: ${length}`).replace("017abc", value);
    const found = find(memo, text);
    assert.deepEqual(said(found), parseEach(text));
    if (length === "12" && value === "017abc") assert.equal(found, first, "one object for all that say the same");
    assert.equal(find(memo, text), found);
    assert.ok(found?.notes);
    assert.equal(found.notes, first?.notes);
  }
});

Deno.test("a memo keeps nothing that is much longer than what it has taken room for", STRICT, () => {
  const account = new ByteAccount();
  const memo = new HeadMemo(account, { changing: CHANGING, vary: varyRequest });
  memo.keep(EACH, parseEach(EACH));
  assert.equal(find(memo, EACH.replace("017abc", "z".repeat(200)))?.changing?.[1], "z".repeat(200));
  assert.equal(find(memo, EACH.replace("017abc", "z".repeat(4096))), undefined, "left to the parser, and charged");
});

Deno.test("a memo never says of a changing field what the parser would not", STRICT, () => {
  const others = [
    EACH.replace("017abc", "017ab"),
    EACH.replace("017abc", "017abcd"),
    EACH.replace("017abc", "017 bc"),
    EACH.replace("017abc", " 17abc"),
    EACH.replace("017abc", "17abc\t"),
    EACH.replace("017abc", "1\r\na:b"),
    EACH.replace("017abc", "0\r\n\r\nx"),
    EACH.replace("017abc", "017ab\n"),
    EACH.replace("017abc", "017ab\xff"),
    EACH.replace("017abc", "017abc\r\nX: y"),
    EACH.replace("\r\nx-each: 017abc", ""),
    EACH.replace("x-each", "X-Each"),
    EACH.replace("x-each: ", "x-each:"),
    EACH.replace("content-length: 12\r\n", ""),
    EACH.replace(": 12", ": 012"),
  ];
  for (const text of others) {
    const memo = memoOfEach(EACH);
    const found = find(memo, text);
    if (found === undefined) continue;
    assert.deepEqual(said(found), parseEach(text), JSON.stringify(text));
  }
  // Wherever it stands in the head, however it is spelled, and with or without a body.
  for (const text of [EACH.replace("Host: a\r\n", "X-EACH:\t 1\r\nHost: a\r\n").replace("x-each: 017abc\r\n", "")]) {
    for (const whole of [text, text.replace("content-length: 12\r\n", "").replace("POST", "GET")]) {
      const memo = memoOfEach(whole);
      assert.deepEqual(said(find(memo, whole)), parseEach(whole));
      const other = whole.replace("\t 1", "\t 22/=");
      assert.deepEqual(said(find(memo, other)), parseEach(other));
    }
  }
  const plain = HEAD.replace("\r\nX-Last: y", "");
  const memo = memoOfEach(EACH);
  memo.keep(plain, parseEach(plain));
  assert.deepEqual(find(memo, plain)?.changing, [], "of the head that was kept last");
});

Deno.test(
  "a head with changing fields is sent as it is formatted, those last, whatever they said before",
  STRICT,
  () => {
    const texts = new SentHeads();
    const fields = ["host", "a", "authorization", "t".repeat(100)];
    const made = newMadeHead(false);
    for (const i of [0, 1, 1, 1, 2, 1, 3, 3, 12, 12]) {
      const first = ["x-each", i === 12 ? "\xe9" : `0${i}`.repeat(40)];
      const changing = i === 2 ? [...first, "x-more", "b"] : first;
      const whole = [...fields, ...changing];
      const wanted = formatRequestHead("POST", "/", whole, 5 + i);
      assert.equal(textOf(texts.format({ method: "POST", target: "/", fields, made, changing }, 5 + i), 5 + i), wanted);
      for (const request of [{ method: "GET", target: "/", fields, made, changing }]) {
        assert.equal(
          textOf(texts.format(request, undefined)),
          formatRequestHead("GET", "/", [...fields, ...changing], undefined),
        );
      }
    }
    // The first says the same for a while, the second something else each time, or for once the same.
    const two = newMadeHead(false);
    for (const [at, [first, second]] of ["aA", "aB", "aC", "bC", "bC", "bC", "bD", "aD", "aE", "aE", "aF"].entries()) {
      const changing = ["x-first", first!.repeat(50), "x-second", second!];
      const sent = texts.format({ method: "POST", target: "/", fields, made: two, changing }, at);
      assert.equal(textOf(sent, at), formatRequestHead("POST", "/", [...fields, ...changing], at));
    }
    // None of them is none at all: such a head, too, says what its length is.
    for (const [at, changing] of [[], [], ["x-first", "a"], [], undefined, []].entries()) {
      const sent = texts.format({ method: "POST", target: "/", fields, made: two, changing }, at);
      assert.equal(textOf(sent, at), formatRequestHead("POST", "/", [...fields, ...(changing ?? [])], at));
    }
    for (const changing of [["x-each", "a\r\nb: c"], ["x each", "a"], ["content-length", "7"], ["x-each"]]) {
      const forged = { method: "POST", target: "/", fields, made, changing };
      for (const length of [5, 5, 5, undefined]) assert.throws(() => texts.format(forged, length), TypeError);
    }
  },
);

Deno.test("a memo that is of no use fades; one in use does not", STRICT, () => {
  const memo = memoOf(HEAD);
  find(memo, HEAD);
  memo.fade();
  assert.ok(find(memo, HEAD));
  memo.fade();
  memo.fade();
  assert.equal(find(memo, HEAD), undefined);
});

Deno.test("texts of heads are what formatRequestHead makes, known or not", STRICT, () => {
  const texts = new SentHeads();
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
      assert.equal(
        textOf(texts.format({ method, target, fields: list }, length), length),
        formatRequestHead(method, target, list, length),
      );
    }
  }
});

Deno.test("texts of heads refuse what cannot be sent, and do not remember it", STRICT, () => {
  const texts = new SentHeads();
  const fields = ["host", "a", "authorization", "t".repeat(100)];
  texts.format({ method: "POST", target: "/", fields }, 5);
  fields.push("x", "a\r\nb: c");
  for (let i = 0; i < 2; i++) assert.throws(() => texts.format({ method: "POST", target: "/", fields }, 5), TypeError);
});

Deno.test("texts of heads survive more heads than are kept", STRICT, () => {
  const texts = new SentHeads();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++) {
      const fields = ["host", "a", "authorization", String(i).padStart(100, "t")];
      assert.equal(
        textOf(texts.format({ method: "POST", target: "/", fields }, 5), 5),
        formatRequestHead("POST", "/", fields, 5),
      );
    }
  }
});

Deno.test("heads of answers are what formatResponseHead makes, whatever was sent before", STRICT, () => {
  const answers = new SentAnswers();
  const lists = [[], ["x", "y"], ["x", "\xe9"], ["x", "z"], ["x", "y", "x", "y"], ["x", "y".repeat(5000)]];
  for (let seed = 1, i = 0; i < 4000; i++) {
    const pick = <T>(of: readonly T[]): T => of[(seed = seed * 48271 % 0x7fffffff) % of.length]!;
    const start = { status: pick([200, 202, 404]), reason: pick([undefined, "OK", "Fine"]), fields: pick(lists) };
    const framing = {
      bodyLength: pick([0, 5, 5, 123456, CHUNKED]),
      close: pick([false, false, true]),
      minorVersion: 1,
    };
    const { reason, ...rest } = start;
    const wanted = reason === undefined ? rest : { ...rest, reason };
    const given = framing as { bodyLength: number; close: boolean; minorVersion: 1 };
    assert.equal(textOf(format(answers, wanted, given), given.bodyLength), formatResponseHead(wanted, given));
  }
  const untilClose = { bodyLength: UNTIL_CLOSE, close: true, minorVersion: 0 } as const;
  assert.match(textOf(format(answers, { status: 200, fields: [] }, untilClose)), /connection: close/);
});

Deno.test("heads of answers refuse what cannot be sent, each time, and send it in place of nothing", STRICT, () => {
  const answers = new SentAnswers();
  const framing = { bodyLength: 5, close: false, minorVersion: 1 } as const;
  for (let i = 0; i < 3; i++) {
    assert.throws(() => format(answers, { status: 200, fields: ["x", "a\r\nb: c"] }, framing), TypeError);
    assert.throws(() => format(answers, { status: 204, fields: [] }, framing), TypeError);
    format(answers, { status: 200, fields: ["x", "a"] }, framing);
  }
});

Deno.test("notes are shared by heads that say the same but for their length, and by no others", STRICT, () => {
  const memo = memoOf(HEAD);
  const notes = find(memo, HEAD)?.notes;
  assert.ok(notes);
  assert.equal(find(memo, HEAD.replace(": 12", ": 99"))?.notes, notes);
  assert.equal(find(memo, HEAD.replace("X-Last: y", "X-Last: z")), undefined);
  memo.keep(HEAD, parse(HEAD));
  assert.notEqual(find(memo, HEAD)?.notes, notes);
  assert.equal(parse(HEAD).notes, undefined);
});

function format(
  answers: SentAnswers,
  start: ResponseStart,
  { bodyLength, close, minorVersion }: ResponseFraming,
): Head {
  return answers.format(start, bodyLength, close, minorVersion);
}
