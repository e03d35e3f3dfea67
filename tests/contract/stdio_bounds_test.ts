// Whatever a client makes Signet remember of a stdio server's session is bounded in bytes as well as in number
// (docs/behaviour.md M6), and one reader that stalls holds nobody else up for long.
import assert from "node:assert/strict";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HAS_CENSUS } from "../support/process_census.ts";
import { LANES, status, TestSignet } from "../support/signet.ts";
import { errorOf, fixture, initializeMessage, type Json, readAnswer, TestStdio, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const MIB = 1024 * 1024;

function subscribe(id: number, uri: string): Json {
  return { jsonrpc: "2.0", id, method: "resources/subscribe", params: { uri } };
}

Deno.test(
  "M6: subscriptions of one session are bounded in bytes, and those that fit outlive a crash",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open();
    const refused: number[] = [];
    for (let id = 1; id <= 20; id++) {
      const { messages } = await session.post(subscribe(id, `a:${id}/${"x".repeat(30_000)}`));
      if (messages[0]!.error !== undefined) refused.push(errorOf(messages[0]).code);
    }
    assert.equal(stdio.upstream.sizes().subscriptions, 8, "256 KiB of URIs");
    assert.deepEqual(refused, Array.from({ length: 12 }, () => -32602));
    await session.post(toolCall("crash", "crash"));
    const { subscribed } = await session.call("after", "state");
    assert.equal((subscribed as string[]).length, 8);
    const params = { uri: (subscribed as string[])[0] };
    await session.post({ jsonrpc: "2.0", id: "out", method: "resources/unsubscribe", params });
    assert.equal(errorOf((await session.post(subscribe(99, `b:${"x".repeat(60_000)}`))).messages[0]).code, -32602);
    assert.deepEqual(
      (await session.post(subscribe(100, `b:${"x".repeat(30_000)}`))).messages[0]!.result,
      {},
      "one left",
    );
  },
);

Deno.test("M6: subscriptions of one session are bounded in number", OPTIONS, async () => {
  await using stdio = new TestStdio({ limits: { maxSubscriptions: 3 } });
  const session = await stdio.open();
  for (const id of [1, 2, 3, 1]) await session.post(subscribe(10 + id, `a:${id}`));
  assert.equal(errorOf((await session.post(subscribe(9, "a:9"))).messages[0]).code, -32602);
  assert.equal(stdio.upstream.sizes().subscriptions, 3);
});

Deno.test("M6: only a level that MCP knows is remembered", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  for (const level of ["debug", "x".repeat(2 * MIB), 7, null]) {
    await session.post({ jsonrpc: "2.0", id: `${level}`.length, method: "logging/setLevel", params: { level } });
  }
  await session.post(toolCall("crash", "crash"));
  assert.equal((await session.call("after", "state")).logLevel, "debug");
});

Deno.test("M6: messages that wait for a restart are bounded in bytes", OPTIONS, async () => {
  await using folder = await TempFolder.create();
  await using stdio = new TestStdio({ server: fixture("--once", `${folder.path}/started`) });
  const session = await stdio.open();
  await session.post(toolCall("crash", "crash"));
  const filler = "x".repeat(MIB);
  const waiting = Array.from({ length: 10 }, (_, id) => session.begin(toolCall(id, "echo", { filler })).response);
  const notes = Array.from({ length: 3 }, () => session.begin({ jsonrpc: "2.0", method: "x", params: { filler } }));
  const settled = await Promise.allSettled([...waiting, ...notes.map(({ response }) => response)]);
  const refused = settled.filter((one) => one.status === "fulfilled" && one.value.head.status === 503);
  assert.equal(refused.length, 10, "three wait; the others are told to come back");
});

Deno.test("M6: a stateless caller's messages that wait for its process are bounded in bytes", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--mute"), limits: { startTimeoutMs: 300, stdinGraceMs: 20 } });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    filler: "x".repeat(MIB),
  };
  const asking = { principal: "a", fields: ["mcp-protocol-version", "2026-07-28"] };
  const calls = Array.from(
    { length: 8 },
    (_, id) => stdio.begin({ jsonrpc: "2.0", id, method: "tools/list", params: { _meta } }, asking).response,
  );
  const settled = await Promise.allSettled(calls);
  assert.equal(settled.filter((one) => one.status === "fulfilled" && one.value.head.status === 503).length, 5);
});

Deno.test("M6: of a long handshake no more is kept than it takes to say it again", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const message = initializeMessage();
  const { sessionId } = await stdio.post({
    ...message,
    params: { ...message.params as Json, filler: "x".repeat(MIB) },
  });
  await stdio.post(toolCall(1, "crash"), { sessionId: sessionId! });
  const { messages } = await stdio.post(toolCall(2, "count"), { sessionId: sessionId! });
  assert.ok(messages[0]!.result !== undefined, "a process that is started later accepts the handshake");
});

/** Bytes of live objects, what lies outside the heap included. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers ?? 0);
}

const FILLED = { filler: "x".repeat(MIB), deep: Array(1000).fill({ a: [1] }) };

for (const streamAfterMs of [1000, 0]) {
  Deno.test(
    `M6: calls that their clients have left keep neither text nor body until they are answered (stream after ${streamAfterMs} ms)`,
    OPTIONS,
    async () => {
      await using stdio = new TestStdio({ limits: { streamAfterMs } });
      const session = await stdio.open();
      await session.post(toolCall("warm", "echo", FILLED));
      const before = heldBytes();
      for (let id = 0; id < 60; id++) {
        const call = session.begin(toolCall(id, "silent", FILLED));
        await until(() => stdio.upstream.sizes().calls > id, "the call is in hand");
        if (streamAfterMs === 0) await call.response;
        call.abort();
        await call.response.catch(() => {});
        // Once a later call is answered, the server has read this one.
        await session.post(toolCall(`read ${id}`, "echo"));
      }
      assert.equal(stdio.upstream.sizes().calls, 60);
      const grown = heldBytes() - before;
      assert.ok(grown < 16 * MIB, `60 calls of 1 MiB: ${(grown / MIB).toFixed(1)} MiB are held`);
    },
  );
}

for (const lane of LANES) {
  Deno.test(`M6: nor does the gateway keep any of them (${lane} lane)`, OPTIONS, async () => {
    const { command, args } = fixture();
    await using signet = await TestSignet.start({ upstream: [command, ...args], lane });
    const id = await signet.open();
    await status(signet.post(toolCall("warm", "echo", FILLED), { id }));
    const before = heldBytes();
    for (let i = 0; i < 40; i++) {
      const leaving = new AbortController();
      const answer = signet.post(toolCall(i, "silent", FILLED), { id, signal: leaving.signal });
      await status(signet.post(toolCall(`beside ${i}`, "echo"), { id }));
      leaving.abort();
      await answer.catch(() => {});
      await status(signet.post(toolCall(`behind ${i}`, "echo"), { id }));
    }
    const grown = heldBytes() - before;
    assert.ok(grown < 16 * MIB, `40 calls of 1 MiB: ${(grown / MIB).toFixed(1)} MiB are held`);
  });
}

Deno.test("M6: listening streams of one session are bounded, the oldest give way", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const streams = [];
  for (let i = 0; i < 20; i++) streams.push(await session.listen());
  for (const stream of streams.slice(0, 4)) assert.deepEqual(await stream.rest(), [], "it has ended");
  await session.call(1, "changed");
  assert.equal((await streams.at(-1)!.next())!.method, "notifications/tools/list_changed");
  for (const stream of streams) stream.release();
});

Deno.test(
  "M3: who listens and reads nothing holds up a call of the session for a second, not for half a minute",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: { highWaterBytes: 10_000 } });
    const session = await stdio.open();
    const stalled = await session.listen();
    const line = JSON.stringify({ jsonrpc: "2.0", method: "notifications/x", params: { text: "x".repeat(20_000) } });
    const begun = performance.now();
    await session.call("floods", "raw", { line });
    await session.call("then", "echo");
    const tookMs = performance.now() - begun;
    assert.ok(tookMs < 10_000, `${tookMs} ms`);
    await assert.rejects(stalled.rest(), /read nothing/, "the reader was cut off, and may resume");
    stalled.release();
  },
);

Deno.test("M6: the answers of a batch that its client takes as JSON alone are bounded together", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open({ protocolVersion: "2025-03-26" });
  const batch = Array.from({ length: 6 }, (_, id) => toolCall(id, "big", { size: 4 * MIB }));
  const json = await readAnswer(await session.begin(batch, { accept: "application/json" }).response);
  assert.equal(json.messages.length, 6);
  assert.ok(json.messages.some(({ error }) => error !== undefined), "what did not fit is an error");
  const { type, messages } = await session.post(batch);
  assert.equal(type, "text/event-stream");
  assert.equal(messages.filter(({ result }) => result !== undefined).length, 6);
  await until(() => stdio.upstream.sizes().calls === 0, "all calls are closed");
});
