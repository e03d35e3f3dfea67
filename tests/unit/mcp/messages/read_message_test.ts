// lib/mcp/messages/read_message.ts and json_scan.ts: what counts as one message, and what is refused before anybody acts on it.
import fc from "fast-check";
import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { errorResponse, idKey, idText } from "../../../../lib/mcp/messages/json_rpc.ts";
import { OTHER_METHOD } from "../../../../lib/mcp/messages/methods.ts";
import { parseMessage, parseMessageInTurns, readPlain } from "../../../../lib/mcp/messages/read_message.ts";
import { LongStrings } from "../../../../lib/mcp/scan/long_strings.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

function parse(text: string, maxDepth = 64) {
  return parseMessage(encoder.encode(text), { maxDepth });
}

function refuses(code: string, text: string | Uint8Array, maxDepth = 64): void {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  assert.throws(
    () => parseMessage(bytes, { maxDepth }),
    (error) => error instanceof SignetError && error.code === code,
    `want ${code} for ${typeof text === "string" ? text : "bytes"}`,
  );
}

Deno.test("parseMessage returns a request when a method and an id are there", STRICT, () => {
  assert.deepEqual(parse('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}'), {
    kind: "request",
    id: 7,
    method: "tools/call",
    params: { name: "x" },
  });
});

Deno.test("parseMessage returns a notification when there is no id", STRICT, () => {
  assert.deepEqual(parse(' {"jsonrpc":"2.0","method":"notifications/initialized"}\n'), {
    kind: "notification",
    method: "notifications/initialized",
    params: undefined,
  });
});

Deno.test("parseMessage returns a response when there is a result, or an error with or without an id", STRICT, () => {
  const result = parse('{"jsonrpc":"2.0","id":"a","result":{}}');
  assert.ok(result.kind === "response" && result.id === "a" && result.error === undefined);
  const error = parse('{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}');
  assert.ok(error.kind === "response" && error.id === null && error.error?.code === -1);
});

Deno.test("parseMessage keeps ids of different types apart", STRICT, () => {
  const number = parse('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  const text = parse('{"jsonrpc":"2.0","id":"1","method":"ping"}');
  assert.ok(number.kind === "request" && text.kind === "request");
  assert.notEqual(number.id, text.id);
  assert.notEqual(idKey(number.id), idKey(text.id));
});

Deno.test("PROTOCOL 12: parseMessage returns a batch in its order when the body is an array", STRICT, () => {
  const batch = parse('[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"method":"b"}]');
  assert.ok(batch.kind === "batch");
  assert.deepEqual(batch.messages.map((message) => message.kind), ["notification", "request"]);
});

Deno.test("parseMessage refuses what is not JSON with parse_error", STRICT, () => {
  for (
    const text of ["", "{", "nonsense", '{"jsonrpc":"2.0",}', '{"a":1}{"b":2}', "\ufeff{}", '{"a":"\n"}', "{'a':1}"]
  ) {
    refuses("parse_error", text);
  }
});

Deno.test("parseMessage refuses bytes that are not UTF-8 with parse_error", STRICT, () => {
  refuses("parse_error", Uint8Array.from([0x22, 0xff, 0x22]));
  refuses("parse_error", Uint8Array.from([0x22, 0xc0, 0xaf, 0x22])); // overlong
  refuses("parse_error", Uint8Array.from([0x22, 0xed, 0xa0, 0x80, 0x22])); // surrogate
});

const NOT_JSON_RPC = [
  "1",
  "null",
  '"text"',
  "[]",
  "[1]",
  "[[]]",
  "{}",
  '{"id":1,"method":"ping"}',
  '{"jsonrpc":2.0,"id":1,"method":"ping"}',
  '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
  '{"jsonrpc":"2.0","id":18446744073709551616,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1e30,"method":"ping"}',
  '{"jsonrpc":"2.0","id":true,"method":"ping"}',
  '{"jsonrpc":"2.0","id":{},"method":"ping"}',
  '{"jsonrpc":"2.0","id":1,"method":""}',
  '{"jsonrpc":"2.0","id":1,"method":null}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":"x"}',
  '{"jsonrpc":"2.0","id":1,"method":"a","params":false}',
  '{"jsonrpc":"2.0","id":1,"method":"a","result":{}}',
  '{"jsonrpc":"2.0","id":1,"method":"a","error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":3}',
  '{"jsonrpc":"2.0","id":null,"result":{}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
  '{"jsonrpc":"2.0","id":1,"error":null}',
  '{"jsonrpc":"2.0","id":1,"error":[{"code":1,"message":""}]}',
];

Deno.test("parseMessage refuses what is JSON but no JSON-RPC 2.0 with invalid_request", STRICT, () => {
  for (const text of NOT_JSON_RPC) refuses("invalid_request", text);
});

Deno.test("M3: parseMessage refuses nesting beyond the cap and takes nesting at the cap", STRICT, () => {
  const nested = (depth: number) =>
    `{"jsonrpc":"2.0","method":"a","params":{"x":${"[".repeat(depth - 2)}${"]".repeat(depth - 2)}}}`;
  assert.equal(parse(nested(8), 8).kind, "notification");
  refuses("invalid_request", nested(9), 8);
  refuses("invalid_request", "[".repeat(1_000_000));
});

Deno.test("M3: parseMessage counts no brackets that stand in strings", STRICT, () => {
  assert.equal(parse('{"jsonrpc":"2.0","method":"[[[[{{{{\\"[[[[\\\\"}', 2).kind, "notification");
});

Deno.test("parseMessage refuses a member name that another parser could read differently", STRICT, () => {
  for (
    const text of [
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","\\u006dethod":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"re\u017fult":{},"result":{}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"progressToken":1,"progressToken":2}}}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"a":1},"_meta":{"a":2}}}',
      '[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"a","method":"b"}]',
    ]
  ) refuses("invalid_request", text);
});

Deno.test(
  "parseMessage takes equal names in different objects, and names that differ in case in arguments",
  STRICT,
  () => {
    for (
      const text of [
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":{"a":1,"A":2},"_meta":{"a":1}}}',
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"list":[{"x":1},{"x":2}]}}',
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"method":"b","id":2}}',
        '{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":{"name":1,"name":2},"_meta":{"k":1,"k":2}}}',
        '{"jsonrpc":"2.0","id":1,"method":"method","params":{"a":"a","b":"a"}}',
      ]
    ) assert.equal(parse(text).kind, "request");
  },
);

Deno.test("P5: parseMessage takes null for no params at all", STRICT, () => {
  for (const member of ["", ',"params":null', ',"params" : null ']) {
    const parsed = parse(`{"jsonrpc":"2.0","id":1,"method":"a"${member}}`);
    assert.ok(parsed.kind === "request" && parsed.params === undefined, member);
  }
});

Deno.test("P5: an id of 64 bits keeps its digits", STRICT, () => {
  const ids = ["9007199254740993", "-9007199254740993", "18446744073709551615", "-9223372036854775808", "0", "-1", "7"];
  for (const id of ids) {
    const parsed = parse(`{"jsonrpc":"2.0","id":${id},"method":"a"}`);
    assert.ok(parsed.kind === "request");
    assert.equal(idText(parsed.id), id);
    assert.equal(idKey(parsed.id), `n${id}`);
    const error = new TextDecoder().decode(errorResponse(parsed.id, -1, "m"));
    assert.equal(error, `{"jsonrpc":"2.0","id":${id},"error":{"code":-1,"message":"m"}}`);
  }
});

Deno.test("P5: an integer is one however it is written", STRICT, () => {
  for (const [text, id] of [["1.0", 1], ["1e3", 1000], ["-0", -0]] as const) {
    const parsed = parse(`{"jsonrpc":"2.0","id":${text},"method":"a"}`);
    assert.ok(parsed.kind === "request" && parsed.id === id, text);
  }
});

Deno.test("M6: what is read of a message is bounded, and the refusal names the bound", STRICT, () => {
  const long = "x".repeat(70_000);
  for (
    const [member, text] of [
      ["id is longer than 4096", `{"jsonrpc":"2.0","id":"${long}","method":"a"}`],
      ["method is longer than 1024", `{"jsonrpc":"2.0","id":1,"method":"${long}"}`],
      ["uri is longer than 65536", `{"jsonrpc":"2.0","id":1,"method":"a","params":{"uri":"${long}"}}`],
      [
        "progressToken is longer than 4096",
        `{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"progressToken":"${long}"}}}`,
      ],
      [
        "capabilities is longer than 16384",
        `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"a":"${long}"}}}`,
      ],
      [
        "clientInfo is longer than 65536",
        `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":{"a":"${long}"}}}`,
      ],
    ] as const
  ) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof SignetError && error.code === "invalid_request" && error.message.includes(member),
      member,
    );
  }
  const elsewhere = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"clientInfo":{"a":"${long}"}}}`;
  assert.equal(parse(elsewhere).kind, "request");
});

Deno.test("PROTOCOL 12: parseMessage refuses a batch of more than a thousand messages", STRICT, () => {
  const batch = (length: number) => `[${Array(length).fill('{"jsonrpc":"2.0","method":"a"}').join(",")}]`;
  assert.equal(parse(batch(1000)).kind, "batch");
  refuses("invalid_request", batch(1001));
});

const ARGUMENTS = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 }));

Deno.test("parseMessageInTurns reads a long text as parseMessage does", STRICT, async () => {
  await fc.assert(
    fc.asyncProperty(ARGUMENTS, fc.nat(300_000), async (args, length) => {
      const text = encoder.encode(
        JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method: "a",
          params: { name: '\\"é'.repeat(length / 4), arguments: args },
        }).slice(0, -(length % 2)),
      );
      const read = async (reader: typeof parseMessage | typeof parseMessageInTurns) => {
        try {
          return await reader(text, { maxDepth: 32 });
        } catch (error) {
          return (error as SignetError).message;
        }
      };
      assert.deepEqual(await read(parseMessageInTurns), await read(parseMessage));
    }),
    { numRuns: 20 },
  );
});

const plain = (text: string, maxDepth = 8) => readPlain(encoder.encode(text), { maxDepth });

Deno.test("readPlain takes exactly what parseMessage takes, but for batches and the handshake", STRICT, () => {
  const takes = (text: string) => {
    try {
      return parse(text, 8).kind !== "batch";
    } catch {
      return false;
    }
  };
  const good =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":[1,2.5e-3,"\\u00e9"]}}}';
  const bytes = [...good].map((_, at) => at);
  for (const at of bytes) {
    for (const put of ["", '"', "{", "}", "[", ",", ":", "\\", "1", "n", " ", "\n", "\u0000", "e", "."]) {
      const text = good.slice(0, at) + put + good.slice(at + 1);
      assert.equal(plain(text) !== undefined, takes(text), text);
    }
  }
});

Deno.test("readPlain reads a body where it lies as if nothing stood around it", STRICT, () => {
  const long = "abcdefgh".repeat(100);
  const texts = [
    '{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"x","arguments":{"a":[1,-2.5e-3,true,"\\u00e9"]}}}',
    `{"jsonrpc":"2.0","method":"a","params":{"text":"${long}","more":"é\\n${long}"},"id":"é"}`,
    '{"jsonrpc":"2.0","id":1,"result":{"capabilities":{}}}  ',
    '{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"pong"}',
    "1234",
  ];
  for (const text of texts) {
    const bytes = encoder.encode(text);
    for (const before of ["", '{"id":1,"a":"', "x".repeat(5)]) {
      const buffer = new Uint8Array([...encoder.encode(before), ...bytes, ...bytes]);
      const from = buffer.length - 2 * bytes.length;
      // What is behind each end is what the text would go on with, or begin anew with.
      for (let to = from; to <= from + bytes.length; to += to > from + 200 && to < from + bytes.length - 20 ? 7 : 1) {
        const alone = buffer.slice(from, to);
        const subject = () => ({ method: undefined, name: undefined, uri: undefined });
        const [here, there] = [subject(), subject()];
        const found = readPlain(buffer, { maxDepth: 8, subject: here }, from, to);
        assert.deepEqual([found, here], [readPlain(alone, { maxDepth: 8, subject: there }), there], `${before} ${to}`);
      }
    }
  }
  const request = encoder.encode('{"jsonrpc":"2.0","id":5,"method":"tools/list"}');
  const found = readPlain(new Uint8Array([0x7b, ...request, 0x7d]), { maxDepth: 8 }, 1, 1 + request.length);
  assert.equal(found?.id, 5);
});

Deno.test("readPlain leaves initialize to the parser, in whatever spelling", STRICT, () => {
  const message = (method: string) => `{"jsonrpc":"2.0","id":1,"method":"${method}"}`;
  for (const method of ["initialize", "\\u0069nitialize", "initializ\\u0065"]) {
    assert.equal(plain(message(method)), undefined, method);
  }
  for (const method of ["initialized", "\\u0069nitialized", "Initialize", "initializ"]) {
    assert.deepEqual(plain(message(method)), { id: 1, method: OTHER_METHOD, traceparent: undefined }, method);
  }
  assert.deepEqual(plain('{"jsonrpc":"2.0","method":"a","params":{"x":"initialize"}}'), {
    id: null,
    method: OTHER_METHOD,
    traceparent: undefined,
  });
});

Deno.test("readPlain tells a trace's context that is none from one that is not there", STRICT, () => {
  const found = (meta: string) =>
    readPlain(encoder.encode(`{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":${meta}}}`), {
      ...{ maxDepth: 8, traced: true },
    })?.traceparent;
  assert.equal(found('{"traceparent":"00-1-2-01"}'), "00-1-2-01");
  for (const none of ["5", "null", "{}", `"${"0".repeat(200)}"`]) {
    assert.equal(found(`{"traceparent":${none}}`), "", none);
  }
  for (const meta of ["{}", "null", '{"a":{"traceparent":"x"}}']) assert.equal(found(meta), undefined, meta);
});

Deno.test("the scanner takes for JSON what JSON.parse does", STRICT, () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const isTaken = (text: string) => {
    try {
      parse(text);
      return true;
    } catch (error) {
      return (error as SignetError).code !== "parse_error";
    }
  };
  const token = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '""',
    "1",
    "-0",
    "01",
    "1.",
    "1e5",
    "1e",
    "-",
    "true",
    "nul",
    " ",
    '"\\u00e9"',
    '"\\x"',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const text = tokens.join("");
      assert.equal(isTaken(text), isJson(text), text);
    }),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(fc.json(), (text) => assert.equal(isTaken(text), true, text)));
});

/** Whether it is JSON, in UTF-8. */
function isJsonText(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

Deno.test("the scanner reads long strings at any place in memory as JSON.parse does", STRICT, () => {
  const head = encoder.encode('{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"');
  const put = fc.constantFrom(
    "",
    '"',
    "\\",
    "\\n",
    "\n",
    "\0",
    "\x1f",
    "\x7f",
    "é",
    "漢",
    "\\u00e9",
    "\\u00g9",
    "é\x1f",
    "\xff",
  );
  const filler = fc.constantFrom("a", "é", "漢字", "a\\n", "aaaaaaaé");
  const length = fc.oneof(fc.nat(700), fc.integer({ min: 1900, max: 2200 }), fc.nat(9000));
  fc.assert(
    fc.property(fc.nat(7), filler, length, put, length, (offset, filler, before, put, after) => {
      const [a, b] = [encoder.encode(filler.repeat(before / filler.length)), encoder.encode("z".repeat(after) + '"}}')];
      const odd = put === "\xff" ? Uint8Array.of(0xff) : encoder.encode(put);
      const text = Uint8Array.from([...head, ...a, ...odd, ...b]);
      const memory = new Uint8Array(offset + text.length + 3).fill(0x22);
      memory.set(text, offset);
      const body = memory.subarray(offset, offset + text.length);
      assert.equal(readPlain(body, { maxDepth: 8 }) !== undefined, isJsonText(text));
      assert.equal(readPlain(memory, { maxDepth: 8 }, offset, offset + text.length) !== undefined, isJsonText(text));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("long strings are searched by the runtime as they are read here", STRICT, () => {
  const piece = fc.oneof(
    fc.constantFrom(...['"', "\\", "\n", "\x1f", "é", "漢", " "]),
    fc.integer({ min: 1, max: 5000 }).map((length) => "x".repeat(length)),
    fc.integer({ min: 1, max: 3000 }).map((length) => "xé".repeat(length)),
  );
  fc.assert(
    fc.property(fc.nat(7), fc.array(piece, { maxLength: 8 }), fc.nat(5), (offset, pieces, from) => {
      const text = encoder.encode(pieces.join("") + "12345678");
      const memory = new Uint8Array(offset + text.length);
      memory.set(text, offset);
      const bytes = memory.subarray(offset);
      for (const isSearched of [false, true]) {
        const long = new LongStrings(isSearched);
        long.begin(bytes);
        for (let at = from; at < bytes.length; at++) {
          const found = long.skip(at, bytes.length);
          const stop = Math.min(found, bytes.length);
          for (; at < stop; at++) assert.ok(bytes[at]! >= 0x20 && bytes[at]! < 0x80 && !isEither(bytes[at]!), `${at}`);
          const beyond = Math.min(long.skipText(at, bytes.length), bytes.length);
          for (; at < beyond; at++) assert.ok(bytes[at]! >= 0x20 && !isEither(bytes[at]!), `${at}`);
        }
        long.release();
      }
    }),
  );
});

/** Says how many of its bytes others were given to look at. */
class CountedBytes extends Uint8Array<ArrayBuffer> {
  given = 0;

  override subarray(from = 0, to: number = this.length): Uint8Array<ArrayBuffer> {
    this.given += to - from;
    return new Uint8Array(this.buffer, this.byteOffset + from, to - from);
  }
}

Deno.test(
  "the runtime is asked about each byte of a long string once, however often it goes beyond ASCII",
  STRICT,
  () => {
    const bytes = new CountedBytes(encoder.encode(("x".repeat(300) + "é").repeat(2000)).buffer);
    const long = new LongStrings(true);
    long.begin(bytes);
    for (let at = 0; at < bytes.length; at++) at = Math.max(at, long.skip(at, bytes.length));
    assert.ok(bytes.given <= bytes.length, `${bytes.given} of ${bytes.length} bytes`);
  },
);

const isEither = (byte: number) => byte === 0x22 || byte === 0x5c;
