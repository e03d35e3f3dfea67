// What real servers write, and what fails inside: everything is taken that can be, every failure is an answer, and none
// leaves a process, a place or a waiting call behind (docs/behaviour.md B8, B9).
import assert from "node:assert/strict";
import type { StdioUpstreamOptions } from "../../lib/upstream/stdio.ts";
import { HAS_CENSUS, nobodyLeft } from "../support/process_census.ts";
import {
  errorOf,
  EventReader,
  fixture,
  initializeMessage,
  type Json,
  readAnswer,
  TestStdio,
  toolCall,
} from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until, within } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const encoder = new TextEncoder();

/** A session whose server stays silent on call `id` until `bytes` are written to its stdout; the answer of the call. */
async function answerTo(
  bytes: Uint8Array | string,
  id: string | number = 7,
  options: Partial<StdioUpstreamOptions> = {},
) {
  const stdio = new TestStdio(options);
  await using _ = stdio;
  const session = await stdio.open();
  await session.call("warm", "echo");
  const call = session.begin(toolCall(id, "silent")); // initialize, warm, silent: the third id of this process
  const base64 = (typeof bytes === "string" ? encoder.encode(bytes) : bytes).toBase64();
  await session.call("writes", "bytes", { base64 });
  const answer = await within("the silent call's answer", call.response.then(readAnswer));
  return { answer, logs: stdio.logs, still: await session.call("after", "echo", { alive: true }) };
}

const RESULT = '"result":{"content":[{"type":"text","text":"{}"}]}';

Deno.test("B8: a BOM before the first message is no part of it", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--bom") });
  const session = await within("initialize", stdio.open());
  assert.deepEqual(await session.call(1, "echo", { a: 1 }), { a: 1 });
});

Deno.test("B8: a BOM, CRLF and blanks around a later answer change nothing", OPTIONS, async () => {
  const { answer } = await answerTo(`\ufeff  {"jsonrpc":"2.0","id":3,${RESULT}} \r\n\r\n`);
  assert.equal(answer.messages[0]!.id, 7);
});

Deno.test("B8: bytes of an answer that are not UTF-8 become U+FFFD, and the call is answered", OPTIONS, async () => {
  const [head, tail] = ['{"jsonrpc":"2.0","id":3,"result":{"text":"a', 'b"}}\n'].map((part) => encoder.encode(part));
  const { answer } = await answerTo(Uint8Array.from([...head!, 0xff, 0xc3, ...tail!]));
  assert.deepEqual(answer.messages, [{ jsonrpc: "2.0", id: 7, result: { text: "a\ufffd\ufffdb" } }]);
});

Deno.test("B8: an answer whose id is written as text finds its call", OPTIONS, async () => {
  const { answer } = await answerTo(`{"jsonrpc":"2.0","id":"3",${RESULT}}\n`);
  assert.deepEqual(answer.messages.map(({ id }) => id), [7]);
});

Deno.test("B8: an answer that is neither result nor error ends its call with an error", OPTIONS, async () => {
  const { answer } = await answerTo('{"jsonrpc":"2.0","id":3}\n');
  assert.match(errorOf(answer.messages[0]).message, /neither a result nor an error/);
});

for (
  const answer of [
    '"error":"boom"',
    '"error":null',
    '"error":{"code":"x","message":"m"}',
    '"error":{"code":1.5,"message":"m"}',
    '"error":{"code":1,"message":null}',
    '"result":null',
    '"result":"text"',
    '"result":[]',
    '"result":{},"error":{"code":1,"message":"m"}',
    '"result":null,"error":null',
  ]
) {
  Deno.test(
    `B8 S5: an answer that no client takes for one ends its call with an error: ${answer}`,
    OPTIONS,
    async () => {
      const { answer: given, logs } = await answerTo(`{"jsonrpc":"2.0","id":3,${answer}}\n`);
      assert.equal(given.messages[0]!.id, 7);
      assert.match(errorOf(given.messages[0]).message, /MCP server's answer is neither a result nor an error/);
      assert.ok(logs.some(({ found }) => /neither a result nor an error/.test(`${found}`)));
    },
  );
}

for (const filler of ["short", "x".repeat(200_000)]) {
  for (
    const [answer, members] of [
      ['"error":null,"result":{"big":12345678901234567890}', '"result":{"big":12345678901234567890}'],
      ['"result":null,"error":{"code":-5,"message":"m"}', '"error":{"code":-5,"message":"m"}'],
    ]
  ) {
    const title =
      `B8: of an answer that says null for what it is not, the rest is said: ${answer}, ${filler.length} long`;
    Deno.test(title, OPTIONS, async () => {
      const padded = (text: string) => text.replace(/\}$/, `,"filler":"${filler}"}`);
      const { answer: given } = await answerTo(`{"jsonrpc":"2.0","id":3,${padded(answer!)}}\n`);
      const [message] = given.messages;
      assert.deepEqual(message, JSON.parse(`{"jsonrpc":"2.0","id":7,${padded(members!)}}`));
    });
  }
}

Deno.test("B8: a line over the cap that is no JSON is a log line, and no call pays for it", OPTIONS, async () => {
  const limits = { maxLineBytes: 8192 };
  const line = `debug: ${"y".repeat(12_000)}\n{"jsonrpc":"2.0","id":3,${RESULT}}\n`;
  const { answer, logs } = await answerTo(line, 7, { limits });
  assert.ok(answer.messages[0]!.result !== undefined, JSON.stringify(answer.messages));
  assert.ok(logs.some(({ event }) => event === "MCP server's output discarded"));
});

Deno.test("B8: a last line without its end is a message", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  await session.call("warm", "echo");
  const call = session.begin(toolCall(7, "silent"));
  const base64 = encoder.encode(`{"jsonrpc":"2.0","id":3,${RESULT}}`).toBase64();
  void session.begin(toolCall("writes", "bytes", { base64, quit: true }));
  const { messages } = await within("the last line", call.response.then(readAnswer));
  assert.ok(messages[0]!.result !== undefined, JSON.stringify(messages));
});

Deno.test("B8: an answer that nobody waits for leaves a line in the log", OPTIONS, async () => {
  for (const id of ['"stranger"', "99", "1", "null", "1.5", "{}"]) {
    const { logs } = await answerTo(`{"jsonrpc":"2.0","id":${id},"result":{}}\n{"jsonrpc":"2.0","id":3,"result":{}}\n`);
    const found = logs.filter(({ event, found }) =>
      event === "MCP server's output discarded" && /nobody/.test(`${found}`)
    );
    assert.equal(found.length, 1, `an answer with the id ${id}: ${JSON.stringify(logs)}`);
  }
});

Deno.test("B8: JSON that is not JSON-RPC is a log line, and neither a message nor an answer", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const events = await session.listen();
  const call = session.begin(toolCall(7, "silent"));
  const lines = [
    '{"level":30,"method":"GET","msg":"request"}',
    '{"level":50,"method":"POST","id":2,"error":"boom"}',
    '{"id":2,"result":"ok"}',
    '{"jsonrpc":"1.0","id":2,"result":{}}',
    '{"jsonrpc":"2.0","method":"ask","id":null}',
    '{"jsonrpc":"2.0","method":"ask","id":{}}',
  ];
  for (const [i, line] of lines.entries()) await session.call(`line ${i}`, "raw", { line });
  await session.call("then", "changed");
  assert.equal((await events.next())!.method, "notifications/tools/list_changed", "and nothing before it");
  call.abort();
  await assert.rejects(call.response, "the silent call is still open until its client leaves");
  assert.ok(stdio.logs.some(({ event }) => event === "MCP server's output discarded"));
  events.release();
});

for (
  const [where, line] of [
    ["before its content", (filler: string) => `{"jsonrpc":"2.0","id":3,"result":{"text":"${filler}"}}`],
    ["behind it", (filler: string) => `{"result":{"text":"${filler}"},"jsonrpc":"2.0","id":3}`],
    ["behind it, as text", (filler: string) => `{"result":{"text":"${filler}"},"id":"3","jsonrpc":"2.0"}`],
  ] as const
) {
  Deno.test(
    `B8: an answer over the cap, its id ${where}, is an error of its call that names the setting`,
    OPTIONS,
    async () => {
      const limits = { maxLineBytes: 8192 };
      const { answer, still, logs } = await answerTo(`${line("x".repeat(12_000))}\n`, 7, { limits });
      assert.match(errorOf(answer.messages[0]).message, /--stdio-max-line/);
      assert.deepEqual(still, { alive: true }, "the process lives on");
      assert.ok(logs.some((log: Json) => /--stdio-max-line/.test(JSON.stringify(log))));
    },
  );
}

Deno.test("B8: a notification over the cap is left out and logged, and no call pays for it", OPTIONS, async () => {
  const line = `{"jsonrpc":"2.0","method":"notifications/x","params":{"id":3,"text":"${"x".repeat(12_000)}"}}`;
  const { answer, logs } = await answerTo(`${line}\n{"jsonrpc":"2.0","id":3,${RESULT}}\n`, 7, {
    limits: { maxLineBytes: 8192 },
  });
  assert.ok(answer.messages[0]!.result !== undefined);
  assert.ok(logs.some((log: Json) => /--stdio-max-line/.test(JSON.stringify(log))));
});

Deno.test("B9: a handshake that cannot be understood leaves no process and no place", OPTIONS, async () => {
  const servers: [string, string][] = [
    ["a result that is no object", '{"jsonrpc":"2.0","id":1,"result":7}'],
    ["neither result nor error", '{"jsonrpc":"2.0","id":1}'],
    ["an error that is no object", '{"jsonrpc":"2.0","id":1,"error":7}'],
  ];
  for (const [what, line] of servers) {
    const server = { command: "/bin/sh", args: ["-c", `read a; echo '${line}'; read b`] };
    await using stdio = new TestStdio({ server, limits: { stdinGraceMs: 50, killAfterMs: 50 } });
    const seen = await within(
      what,
      stdio.post(initializeMessage()).catch((error) => ({ error, sessionId: undefined })),
    );
    assert.equal(seen.sessionId, undefined, what);
    await nobodyLeft(stdio.token);
    await until(() => stdio.upstream.slots.total === 0, `the place is given back: ${what}`);
    assert.equal(stdio.upstream.sizes().sessions, 0);
  }
});

Deno.test(
  "B8: an answer to initialize over the cap is refused with the setting in the log, and leaves nobody",
  OPTIONS,
  async () => {
    const line = `{"jsonrpc":"2.0","id":1,"result":{"text":"${"x".repeat(9000)}"}}`;
    const server = { command: "/bin/sh", args: ["-c", `read a; echo '${line}'; read b`] };
    await using stdio = new TestStdio({ server, limits: { maxLineBytes: 8192, stdinGraceMs: 50, killAfterMs: 50 } });
    const refusal = await within("the refusal", stdio.post(initializeMessage()).catch((error) => error));
    assert.equal(refusal.code, "upstream_invalid");
    assert.match(JSON.stringify(refusal.detail), /--stdio-max-line/);
    await nobodyLeft(stdio.token);
  },
);

for (const accept of ["application/json, text/event-stream", "text/event-stream"]) {
  Deno.test(
    `B9: a restart that fails while a call waits ends it with an error on its stream (${accept})`,
    OPTIONS,
    async () => {
      await using folder = await TempFolder.create();
      await using stdio = new TestStdio({
        server: fixture("--once", `${folder.path}/started`),
        limits: { streamAfterMs: 20 },
      });
      const session = await stdio.open();
      await session.post(toolCall("crash", "crash"));
      const call = session.begin(toolCall(9, "echo"), { accept });
      const { type, messages } = await within("the waiting call's end", call.response.then(readAnswer));
      assert.equal(type, "text/event-stream");
      assert.deepEqual(messages.map(({ id }) => id), [9]);
      assert.match(errorOf(messages[0]).message, /Bad gateway/);
      assert.equal(stdio.upstream.sizes().calls, 0);
    },
  );
}

Deno.test(
  "B9: what ends a session ends its calls whose streams have begun with an error on each",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: { streamAfterMs: 0 } });
    const session = await stdio.open();
    const running = new EventReader(await session.begin(toolCall("running", "silent")).response);
    assert.equal(await session.delete(), 204);
    const messages = await within("the running call's end", running.rest());
    assert.deepEqual(messages.map(({ id }) => id), ["running"]);
    assert.equal(errorOf(messages[0]).code, -32001);
    running.release();
    await nobodyLeft(stdio.token);
  },
);

Deno.test("B9: what ends a session ends a call that waits for a restart, too", OPTIONS, async () => {
  await using folder = await TempFolder.create();
  await using stdio = new TestStdio({
    server: fixture("--once", `${folder.path}/started`),
    limits: { streamAfterMs: 0 },
  });
  const session = await stdio.open();
  await session.post(toolCall("crash", "crash"));
  const waiting = new EventReader(await session.begin(toolCall("waiting", "echo")).response);
  assert.equal(await session.delete(), 204);
  const messages = await within("the waiting call's end", waiting.rest());
  assert.deepEqual(messages.map(({ id }) => id), ["waiting"]);
  waiting.release();
});

Deno.test(
  "N3: an answer longer than what is kept, for a client that is away, becomes an error it gets on resuming",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: { streamAfterMs: 0, maxLoggedBytes: 10_000 } });
    const session = await stdio.open();
    const call = session.begin(toolCall("left", "progress", { steps: 1 }, "t"));
    const first = new EventReader(await call.response);
    const lastSeen = await first.firstId();
    await first.rest();
    first.release();
    const big = session.begin(toolCall("big", "wait"));
    const left = new EventReader(await big.response);
    const place = await left.firstId();
    big.abort();
    left.release();
    assert.ok(lastSeen);
    const base64 = encoder.encode(`{"jsonrpc":"2.0","id":3,"result":{"text":"${"x".repeat(20_000)}"}}\n`).toBase64();
    await session.call("writes", "bytes", { base64 });
    const resumed = await session.listen(place);
    const messages = await within("the resumed stream", resumed.rest());
    assert.deepEqual(messages.map(({ id }) => id), ["big"]);
    assert.match(errorOf(messages[0]).message, /no room to keep it/);
    resumed.release();
  },
);
