// P5: one rule for a body. Whatever bytes a client sends to its session, they are answered alike in both lanes, whether the
// session is in memory or opened cold, and what is passed on arrives as it came.
import fc from "fast-check";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FakeMcp } from "../support/fake_mcp.ts";
import { freshRing, type Lane, LANES, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";

interface Verdict {
  readonly status: number;
  readonly code: number | undefined;
  /** As text: an id must keep its digits. */
  readonly id: string | undefined;
}

const encoder = new TextEncoder();

async function send(signet: TestSignet, id: string, body: Uint8Array<ArrayBuffer>): Promise<Verdict> {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const response = await fetch(signet.url, { method: "POST", headers: { ...headers, "mcp-session-id": id }, body });
  const text = await response.text();
  const code = /"error":\{"code":(-?\d+)/.exec(text)?.[1];
  // The fake reads ids as JavaScript does: only Signet's own words are looked at to the digit.
  const own = response.status === 200 ? undefined : /"id":([^,}]*)/.exec(text)?.[1];
  return { status: response.status, code: code === undefined ? undefined : Number(code), id: own };
}

const VALUES = {
  jsonrpc: ['"2.0"', '"2.0"', '"2.0"', '"2.0"', '"2\\u002e0"', '"1.0"', "2.0", "null"],
  id: ["1", '"a"', "9007199254740993", "18446744073709551615", "1.0", "1.5", "1e3", "null", "true", "{}", "-0", '""'],
  method: [
    '"tools/list"',
    '"tools/call"',
    '"notifications/cancelled"',
    '"notifications/x"',
    '"\\u0070ing"',
    '""',
    "7",
    "null",
  ],
  params: [
    "null",
    "[]",
    "[1]",
    '"x"',
    "3",
    "{}",
    '{"name":"echo"}',
    '{"name":"echo","name":"other"}',
    '{"name":"echo","NAME":"other"}',
    '{"name":"echo","arguments":{"a":1,"a":2}}',
    '{"requestId":9007199254740993}',
    '{"_meta":null}',
    '{"_meta":{"progressToken":1,"progressToken":2}}',
    '{"_meta":{"k":1,"k":2}}',
    '{"a":"\u2028\\ud800"}',
    '{"a":01}',
    '{"a":}',
    `{"a":${"[".repeat(80)}${"]".repeat(80)}}`,
  ],
  result: ["{}", "null", "3", "[]"],
  error: ['{"code":-1,"message":"m"}', '{"code":"x"}', "null", "3"],
  Method: ['"tools/list"'],
  ID: ["1"],
  other: ["1", '"\\u0069nitialize"', "[{}]"],
} as const;

/** The first of `values`, or any. */
function mostly(...values: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(values[0]!) }, {
    weight: 1,
    arbitrary: fc.constantFrom(...values),
  });
}

/** Members that are mostly there, in any order, now and then twice. */
const members = fc.record({
  jsonrpc: fc.option(mostly(...VALUES.jsonrpc), { freq: 20 }),
  id: fc.option(mostly(...VALUES.id), { freq: 3 }),
  method: fc.option(mostly(...VALUES.method), { freq: 8 }),
  params: fc.option(fc.constantFrom(...VALUES.params), { freq: 3 }),
  rest: fc.array(
    fc.constantFrom(...Object.keys(VALUES) as (keyof typeof VALUES)[]).chain((name) =>
      fc.constantFrom(...VALUES[name]).map((value) => [name, value] as const)
    ),
    { maxLength: 1, size: "-1" },
  ),
}).map(({ rest, ...own }) => {
  const known = Object.entries(own).filter(([, value]) => value !== null);
  return `{${[...known, ...rest].map(([name, value]) => `"${name}":${value}`).join(",")}}`;
});

/** What may happen to a text on its way. */
const spoiled = fc.oneof(
  { weight: 6, arbitrary: fc.constant((text: string) => text) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      (text: string) => "\ufeff" + text,
      (text: string) => text + text,
      (text: string) => ` \r\n${text}\t`,
      (text: string) => `[${text}]`,
      (text: string) => text + "\0",
      () => "",
      () => "null",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(), fc.constantFrom("", '"', "{", "]", ",", "\\", "\n")).map(
      ([at, put]) => (text: string) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + 1);
      },
    ),
  },
);

const bodies = fc.tuple(members, spoiled, fc.nat({ max: 30 })).map(([text, spoil, n]) => {
  const bytes = encoder.encode(spoil(text));
  if (n === 0 && bytes.length > 3) bytes[bytes.length >> 1] = 0xff;
  return bytes;
});

Deno.test("P5: a body is answered alike in both lanes, warm and cold, and passed on as it came", STRICT, async () => {
  await using upstream = new FakeMcp();
  const ring = freshRing();
  const start = (lane: Lane) => TestSignet.start({ upstream: upstream.url, lane, ring });
  await using opener = await start("fast");
  await using fast = await start("fast");
  await using full = await start("full");
  const warm = await opener.open();
  for (const signet of [fast, full]) await send(signet, warm, encoder.encode('{"jsonrpc":"2.0","method":"a"}'));
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const before = upstream.requests.length;
      const verdict = await send(fast, warm, body);
      seen.set(verdict.status, (seen.get(verdict.status) ?? 0) + 1);
      assert.deepEqual(await send(full, warm, body), verdict, "warm, full lane");
      for (const signet of [fast, full]) {
        const cold = await opener.open();
        assert.deepEqual(await send(signet, cold, body), verdict, "cold");
      }
      const passed = upstream.requests.slice(before).filter(({ body }) => !body.includes('"initialize"'));
      const text = new TextDecoder().decode(body);
      assert.deepEqual(passed.map(({ body }) => body), verdict.status === 400 ? [] : [text, text, text, text]);
    }),
    { numRuns: 150 },
  );
  for (const status of [200, 202, 400]) assert.equal(seen.has(status), true, `status ${status} was met`);
});

/** Bodies about which lanes once differed, and what all owe them, over stdio too. */
const KNOWN: [string, number][] = [
  ['{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}', 200],
  ['{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}', 400],
  ['{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', 200],
  ['{"jsonrpc":"2.0","method":"notifications/x","params":null}', 202],
  ['{"jsonrpc":"2.0","id":77,"result":{}}', 202],
  ['{"jsonrpc":"2.0","id":77,"result":null}', 400],
  ['\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', 400],
  ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400],
  ['{"jsonrpc":"2.0","id":1,"method":"ping"', 400],
  ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400],
];

for (const lane of LANES) {
  Deno.test(`P5: the same rule holds before a stdio server, warm and cold (${lane} lane)`, STRICT, async () => {
    const { command, args = [] } = fixture();
    const ring = freshRing();
    const start = () => TestSignet.start({ upstream: [command, ...args], lane, ring });
    await using warm = await start();
    const id = await warm.open();
    for (const [text, wanted] of KNOWN) {
      assert.equal((await send(warm, id, encoder.encode(text))).status, wanted, `warm: ${text}`);
      await using cold = await start();
      assert.equal((await send(cold, id, encoder.encode(text))).status, wanted, `cold: ${text}`);
    }
  });

  Deno.test(`P5: an id of 64 bits comes back to the digit (${lane} lane)`, STRICT, async () => {
    const { command, args = [] } = fixture();
    await using signet = await TestSignet.start({ upstream: [command, ...args], lane });
    const id = await signet.open();
    const body =
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
    const text = await (await signet.post(body, { id })).text();
    assert.equal(/"id":(\d+)/.exec(text)?.[1], "9007199254740993");
  });
}

const SDK_SERVER = fileURLToPath(new URL("../fixtures/stdio_sdk2_server.ts", import.meta.url));

Deno.test("P5: a server of the official SDK over stdio answers a request whose params are null", STRICT, async () => {
  await using signet = await TestSignet.start({ upstream: [Deno.execPath(), "run", "-A", SDK_SERVER] });
  const id = await signet.open();
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}';
  const response = await signet.post(body, { id, signal: AbortSignal.timeout(30_000) });
  assert.equal(response.status, 200);
  assert.equal(/"error"/.test(await response.text()), false);
});
