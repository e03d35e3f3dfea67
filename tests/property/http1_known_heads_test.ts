// A head that is known but for what a few fields say, and one that is read anew, are one to the engine: whatever is changed
// in it, at whatever place, both ways refuse it or both take it, off the same bytes and as the same head.
import fc from "fast-check";
import assert from "node:assert/strict";
import { ByteAccount } from "../../lib/http1/byte_account.ts";
import { HttpError, type RequestHead, type ResponseHead } from "../../lib/http1/types.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "../../lib/http1/wire/fields/fields_parse.ts";
import { parseRequestHead, parseResponseHead, varyRequest, varyResponse } from "../../lib/http1/wire/heads/head.ts";
import { HeadMemo } from "../../lib/http1/wire/heads/head_memo.ts";
import { HeadFinder } from "../../lib/http1/wire/heads/head_reader.ts";
import type { ByteStream } from "../../lib/http1/wire/streams/byte_stream.ts";
import { mutation } from "../support/head_mutations.ts";
import { latin1 } from "../support/http1_messages.ts";
import { STRICT } from "../support/strict.ts";

const BODY = '{"id":1}\r\n\r\n';
const LIMITS: HeadLimits = { ...DEFAULT_HEAD_LIMITS, changing: ["x-session", "x-proof"] };

const value = fc.string({ unit: fc.constantFrom(..."aZ09-_~!=/:,"), minLength: 1, maxLength: 40 });
const name = (name: string) => fc.constantFrom(name, name.toLowerCase(), name.toUpperCase());
const line = (named: string, said: fc.Arbitrary<string>) =>
  fc.tuple(name(named), fc.constantFrom(": ", ": ", ":", ":\t "), said, fc.constantFrom("", "", " "))
    .map((parts) => parts.join(""));

/** Lines of a head, in any order; the changing ones are there more often than not. */
const lines = fc.tuple(
  fc.option(line("X-Session", value), { freq: 6 }),
  fc.option(line("X-Proof", value)),
  fc.option(fc.constantFrom("Content-Length: 12", "content-length:12", "Content-Length: 1"), { freq: 6 }),
  line("Authorization", value),
  line("X-Note", fc.constantFrom("x-session: 1", "a, b", "content-length: 7")),
).chain((all) => fc.shuffledSubarray(all.filter((each) => each !== null), { minLength: 1 }));

const requestHead = fc.tuple(fc.constantFrom("POST", "GET"), lines)
  .map(([method, lines]) => `${method} /mcp HTTP/1.1\r\n${["Host: a", ...lines].join("\r\n")}\r\n\r\n`);
const responseHead = fc.tuple(fc.constantFrom("200 OK", "404 Not Found", "204 No Content"), lines)
  .map(([status, lines]) => `HTTP/1.1 ${status}\r\n${lines.join("\r\n")}\r\n\r\n`);

type Head = RequestHead | ResponseHead;

/** How one side's heads are read, anew or by heart. */
interface Reading<Read extends Head> {
  readonly side: "request" | "response";
  readonly parse: (text: string) => Read;
  readonly memo: () => HeadMemo<Read>;
}

const REQUESTS: Reading<RequestHead> = {
  side: "request",
  parse: (text) => parseRequestHead(text, LIMITS),
  memo: () => new HeadMemo(new ByteAccount(), { changing: LIMITS.changing, vary: varyRequest }),
};
const RESPONSES: Reading<ResponseHead> = {
  side: "response",
  parse: (text) => parseResponseHead(text, "POST", LIMITS),
  memo: () => new HeadMemo(new ByteAccount(), { changing: LIMITS.changing, vary: varyResponse }),
};

/** Bytes that have arrived behind others, in a buffer that has been used before. */
function streamOf(text: string): ByteStream {
  const buffer = latin1(`xyz${text}\r\n\r\n: 9`);
  return { buffer, start: 3, end: 3 + text.length, gather: () => true } as unknown as ByteStream;
}

/** What is found, and what is left; or why it is refused. */
function outcome<Read extends Head>({ side, parse }: Reading<Read>, text: string): unknown {
  const stream = streamOf(text);
  try {
    const found = new HeadFinder(side, 16_384).take(stream);
    return found === undefined ? "more" : { head: parse(found), start: stream.start };
  } catch (error) {
    assert.ok(error instanceof HttpError);
    return error.code;
  }
}

/** The same by heart; undefined where that is no question of memory. */
function known<Read extends Head>({ side }: Reading<Read>, memo: HeadMemo<Read>, text: string): unknown {
  const stream = streamOf(text);
  const found = new HeadFinder(side, 16_384).takeKnown(stream, memo);
  if (found === undefined) return undefined;
  assert.ok(found.notes);
  return { head: { ...found, notes: undefined }, start: stream.start };
}

function prove<Read extends Head>(reading: Reading<Read>, heads: fc.Arbitrary<string>): void {
  let [found, refused] = [0, 0];
  const property = fc.property(
    heads,
    fc.array(fc.array(mutation("x-session"), { minLength: 1, maxLength: 2 }), { minLength: 3, maxLength: 3 }),
    (text, changes) => {
      const first = outcome(reading, text + BODY);
      if (typeof first === "string") return; // such as a 204 that announces a body
      const memo = reading.memo();
      memo.keep(text, reading.parse(text));
      assert.deepEqual(known(reading, memo, text + BODY), first);
      // One after the other, as a connection brings them: what was found before must not show.
      for (const mutations of changes) {
        const changed = mutations.reduce((head, mutate) => mutate(head), text) + BODY;
        const wanted = outcome(reading, changed);
        const byHeart = known(reading, memo, changed);
        if (byHeart !== undefined) assert.deepEqual(byHeart, wanted, JSON.stringify(changed));
        if (byHeart !== undefined && changed !== text + BODY) found++;
        if (typeof wanted === "string") refused++;
      }
      assert.deepEqual(known(reading, memo, text + BODY), first);
      for (let end = 0; end < text.length; end += 7) assert.equal(known(reading, memo, text.slice(0, end)), undefined);
    },
  );
  fc.assert(property, { numRuns: 3000 });
  assert.ok(found > 300 && refused > 300, `${found} known by heart, ${refused} refused`);
}

Deno.test("a request head known by heart is the one that is read, whatever is changed in it", STRICT, () => {
  prove(REQUESTS, requestHead);
});

Deno.test("a response head known by heart is the one that is read, whatever is changed in it", STRICT, () => {
  prove(RESPONSES, responseHead);
});
