// The chunked coding: ranges without copies, bounds, the state after the end. Hostile chunks: http1_smuggling*.
import assert from "node:assert/strict";
import { HttpError } from "../../../../../lib/http1/types.ts";
import {
  ChunkedDecoder,
  DEFAULT_CHUNKED_LIMITS,
  formatChunkHead,
} from "../../../../../lib/http1/wire/bodies/chunked.ts";
import { decodeChunked, latin1, refusal } from "../../../../support/http1_messages.ts";
import { STRICT } from "../../../../support/strict.ts";

Deno.test("ChunkedDecoder hands out ranges of the array it is given", STRICT, () => {
  const bytes = latin1("##3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n##");
  const end = bytes.length - 2;
  const decoder = new ChunkedDecoder("request");
  assert.equal(decoder.next(bytes, 2, end), 8);
  assert.deepEqual([decoder.payloadStart, decoder.payloadEnd, decoder.total, decoder.done], [5, 8, 3, false]);
  assert.equal(decoder.next(bytes, 8, 14), 14);
  assert.deepEqual([decoder.payloadStart, decoder.payloadEnd, decoder.total], [13, 14, 4]);
  assert.equal(decoder.next(bytes, 14, end), 17);
  assert.deepEqual([decoder.payloadStart, decoder.payloadEnd, decoder.total], [14, 17, 7]);
  assert.equal(decoder.next(bytes, 17, bytes.length), end);
  assert.deepEqual([decoder.payloadStart === decoder.payloadEnd, decoder.total, decoder.done], [true, 7, true]);
});

Deno.test("plainChunks consumes whole chunks that could be ours, and nothing of any other", STRICT, () => {
  const consumed = (text: string) => new ChunkedDecoder("response").plainChunks(latin1(text), 0, text.length);
  assert.equal(consumed("4\r\nabcd\r\n"), 9);
  assert.equal(consumed("4\r\nabcd\r\n0a\r\n"), 9);
  assert.equal(consumed("4\r\nabcd\r\na\r\n0123456789\r\n4\r\nab"), 24);
  assert.equal(consumed(`fffff\r\n${"x".repeat(0xfffff)}\r\n`), 0xfffff + 9);
  for (
    const other of [
      ...["", "4", "4\r", "4\r\n", "4\r\nabcd", "4\r\nabcd\r", "0\r\n\r\n", "00\r\n\r\n", "04\r\nabcd\r\n"],
      ...[
        "4;a\r\nabcd\r\n",
        "4 \r\nabcd\r\n",
        "+4\r\nabcd\r\n",
        "0x4\r\nabcd\r\n",
        "\r\n4\r\nabcd\r\n",
        "3\r\nabc\r\n",
      ],
      ...["4\n\nabcd\r\n", "4\r\nabcd\n\n", "4\r\nabcde\r\n", "4\r\nabc\r\n\r\n", "1000000\r\nabcd\r\n"],
    ]
  ) {
    assert.equal(consumed(other), 0, JSON.stringify(other));
  }
});

Deno.test("plainChunks begins at the start of a chunk only", STRICT, () => {
  const bytes = latin1("8\r\n4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n4\r\nabcd\r\n");
  const decoder = new ChunkedDecoder("response");
  assert.equal(decoder.next(bytes, 0, 5), 5);
  assert.equal(decoder.plainChunks(bytes, 3, bytes.length), 3, "within the data of a chunk");
  assert.equal(decoder.next(bytes, 5, bytes.length), 11);
  assert.equal(decoder.plainChunks(bytes, 11, bytes.length), 11, "before the line end behind it");
});

Deno.test("ChunkedDecoder consumes nothing when the body has ended", STRICT, () => {
  const decoder = new ChunkedDecoder("request");
  const bytes = latin1("0\r\n\r\nGET /");
  assert.equal(decoder.next(bytes, 0, bytes.length), 5);
  assert.equal(decoder.next(bytes, 5, bytes.length), 5);
  assert.equal(decoder.payloadStart, decoder.payloadEnd);
});

Deno.test("ChunkedDecoder stays broken when it has refused once", STRICT, () => {
  const decoder = new ChunkedDecoder("request");
  assert.equal(refusal(() => decoder.next(latin1("x"), 0, 1)), "bad_request");
  assert.equal(refusal(() => decoder.next(latin1("0\r\n\r\n"), 0, 5)), "bad_request");
  assert.equal(decoder.done, false);
});

Deno.test("ChunkedDecoder names faults after the side that made them", STRICT, () => {
  assert.equal(refusal(() => decodeChunked(latin1("x"), "request")), "bad_request");
  assert.equal(refusal(() => decodeChunked(latin1("x"), "response")), "upstream_invalid");
});

Deno.test("ChunkedDecoder refuses at one byte beyond a bound and not before", STRICT, () => {
  const run = (text: string, limits: Partial<typeof DEFAULT_CHUNKED_LIMITS>) => {
    const bytes = latin1(text);
    const decoder = new ChunkedDecoder("request", { ...DEFAULT_CHUNKED_LIMITS, ...limits });
    return refusal(() => {
      for (let at = 0; at < bytes.length && !decoder.done;) at = decoder.next(bytes, at, bytes.length);
    }) ?? decoder.done;
  };
  // Extensions count over the whole message: `x=y` and the CR that ends it, twice.
  const extensions = "1;x=y\r\na\r\n1;x=y\r\nb\r\n0\r\n\r\n";
  assert.equal(run(extensions, { maxExtensionBytes: 8 }), true);
  assert.equal(run(extensions, { maxExtensionBytes: 7 }), "bad_request");
  // `X: y`, CR LF, and the CR LF that ends the section.
  assert.equal(run("0\r\nX: y\r\n\r\n", { maxTrailerBytes: 8 }), true);
  assert.equal(run("0\r\nX: y\r\n\r\n", { maxTrailerBytes: 7 }), "bad_request");
});

Deno.test("ChunkedDecoder reads sizes up to 2^52 - 1 exactly", STRICT, () => {
  const decoder = new ChunkedDecoder("request");
  const bytes = latin1("fffffffffffff\r\nabc");
  assert.equal(decoder.next(bytes, 0, bytes.length), bytes.length);
  assert.equal(decoder.total, 3);
  assert.equal(refusal(() => decodeChunked(latin1("0fffffffffffff\r\n"), "request")), "bad_request");
});

Deno.test("ChunkedDecoder bounds the digits of one size, not of all", STRICT, () => {
  const decoded = decodeChunked(latin1(`${"01\r\na\r\n".repeat(20)}0\r\n\r\n`), "request");
  assert.equal(decoded.payload.length, 20);
  assert.equal(decoded.done, true);
});

Deno.test("ChunkedDecoder never quotes the input when it refuses", STRICT, () => {
  for (const text of ["0;S3CRET\x00", "0\r\nS3CRET\x00", "1\r\nS3CRET"]) {
    assert.throws(
      () => decodeChunked(latin1(text), "request"),
      (error) => error instanceof HttpError && !/s3cret/i.test(error.message),
    );
  }
});

Deno.test("formatChunkHead writes hexadecimal and refuses a size that is none", STRICT, () => {
  assert.equal(formatChunkHead(1), "1\r\n");
  assert.equal(formatChunkHead(65536), "10000\r\n");
  for (const size of [0, -1, 1.5, NaN, Infinity]) assert.throws(() => formatChunkHead(size), RangeError);
});
