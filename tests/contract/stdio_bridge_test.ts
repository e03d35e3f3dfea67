// The JSON-RPC bridge to a stdio server, against a real process: what Streamable HTTP promises of any server
// (docs/behaviour.md B6, C1, C2, N1, N3; docs/protocol.md 10–17).
import assert from "node:assert/strict";
import { ownBytes } from "../../lib/http1/wire/streams/borrowed.ts";
import { EventReader, initializeMessage, readAnswer, resultOf, TestStdio, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";

Deno.test("B1: initialize starts a server and answers with a session id when it succeeds", STRICT, async () => {
  await using stdio = new TestStdio();
  const { status, type, sessionId, messages } = await stdio.post(initializeMessage("2025-11-25", "first"));
  assert.equal(status, 200);
  assert.equal(type, "application/json");
  assert.match(sessionId!, /^[\x21-\x7e]{20,}$/);
  assert.equal(messages[0]!.id, "first");
});

Deno.test("B6: a call is answered as JSON under the client's own id, whatever its type", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  for (const id of [7, "seven", "7", 0, -1]) {
    const { type, messages } = await session.post(toolCall(id, "echo", { id }));
    assert.equal(type, "application/json");
    assert.deepEqual(messages.map((message) => message.id), [id]);
    assert.deepEqual(resultOf(messages[0]), { id });
  }
});

Deno.test("PROTOCOL 11: a call that reports progress is answered as events, the answer last", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const { type, messages, eventIds } = await session.post(toolCall(1, "progress", { steps: 3 }, "token"));
  assert.equal(type, "text/event-stream");
  assert.deepEqual(
    messages.slice(0, 3).map(({ params }) => params),
    [1, 2, 3].map((progress) => ({ progressToken: "token", progress })),
  );
  assert.deepEqual(resultOf(messages[3]), { steps: 3 });
  assert.equal(new Set(eventIds).size, eventIds.length);
});

Deno.test("B6: a server's question reaches the client on its call, and the answer the server", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const events = new EventReader(await session.begin(toolCall(1, "sample", { marker: 5 })).response);
  const question = await events.next();
  assert.equal(question!.method, "sampling/createMessage");
  const answer = { jsonrpc: "2.0", id: question!.id, result: { text: "yes" } };
  assert.equal((await session.post(answer)).status, 202);
  assert.deepEqual(resultOf(await events.next()), { got: { text: "yes" } });
  assert.equal(await events.next(), undefined);
  events.release();
});

Deno.test(
  "B6: a request id that is in flight is refused with -32600, and the first call lives on",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open();
    const first = session.begin(toolCall(1, "wait"));
    const second = await session.post(toolCall(1, "echo"));
    assert.equal(second.status, 400);
    assert.equal((second.messages[0]!.error as { code: number }).code, -32600);
    assert.equal(second.messages[0]!.id, 1);
    await session.call(2, "open");
    assert.deepEqual(resultOf((await readAnswer(await first.response)).messages[0]), { waited: true });
    assert.equal((await session.post(toolCall("1", "echo"))).status, 200, 'the text "1" is another id');
  },
);

Deno.test(
  "B6: a progress token that is in use is refused with -32600, and free again after its call",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open();
    const first = session.begin(toolCall(1, "wait", {}, "token"));
    const second = await session.post(toolCall(2, "progress", { steps: 1 }, "token"));
    assert.equal(second.status, 400);
    assert.equal((second.messages[0]!.error as { code: number }).code, -32600);
    assert.equal(second.messages[0]!.id, 2);
    await session.call(3, "open");
    assert.deepEqual(resultOf((await readAnswer(await first.response)).messages[0]), { waited: true });
    const third = await session.post(toolCall(2, "progress", { steps: 1 }, "token"));
    assert.deepEqual(third.messages.map(({ method }) => method), ["notifications/progress", undefined]);
  },
);

Deno.test("B6: a batch whose calls share a progress token is refused as a whole", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open({ protocolVersion: "2025-03-26" });
  const batch = [toolCall(1, "progress", { steps: 1 }, 7), toolCall(2, "progress", { steps: 1 }, 7)];
  const { status, messages } = await session.post(batch);
  assert.equal(status, 400);
  assert.equal((messages[0]!.error as { code: number }).code, -32600);
});

Deno.test(
  "C2: a cancellation reaches the server under the id the call has there, and closes the call",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open();
    await session.call("warm", "echo");
    const waiting = session.begin(toolCall("slow", "wait"));
    const params = { requestId: "slow", reason: "enough" };
    const cancelled = await session.post({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    assert.equal(cancelled.status, 202);
    const { messages } = await readAnswer(await waiting.response);
    assert.equal(messages[0]!.id, "slow");
    assert.match((messages[0]!.error as { message: string }).message, /cancelled/i);
    const { cancelled: seen } = await session.call("after", "state");
    assert.deepEqual(seen, [3], "initialize, warm, slow: the third id of this process");
  },
);

Deno.test("C2: a cancellation of an unknown call is accepted and reaches nobody", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  for (const requestId of [99, "0", 1]) {
    const message = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } };
    assert.equal((await session.post(message)).status, 202);
  }
  assert.deepEqual((await session.call(1, "state")).cancelled, []);
});

Deno.test("PROTOCOL 10: notifications and answers are accepted with 202 and no body", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  for (
    const message of [
      { jsonrpc: "2.0", method: "notifications/roots/list_changed" },
      { jsonrpc: "2.0", id: "nobody asked", result: {} },
      { jsonrpc: "2.0", id: 1, error: { code: 1, message: "no" } },
    ]
  ) {
    const { status, messages } = await session.post(message);
    assert.equal(status, 202);
    assert.deepEqual(messages, []);
  }
});

Deno.test(
  "PROTOCOL 12: a batch is answered as one array to 2025-03-26, and refused to later revisions",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const batch = [
      toolCall(1, "echo", { n: 1 }),
      { jsonrpc: "2.0", method: "notifications/roots/list_changed" },
      toolCall("b", "echo", { n: 2 }),
    ];
    const old = await stdio.open({ protocolVersion: "2025-03-26" });
    const { status, type, messages } = await old.post(batch);
    assert.equal(status, 200);
    assert.equal(type, "application/json");
    assert.deepEqual(messages.map((message) => [message.id, resultOf(message)]).sort(), [[1, { n: 1 }], ["b", {
      n: 2,
    }]]);
    assert.equal((await old.post([toolCall(1, "echo"), toolCall(1, "echo")])).status, 400);
    const recent = await stdio.open({ protocolVersion: "2025-06-18" });
    assert.equal((await recent.post(batch)).status, 400);
  },
);

Deno.test(
  "PROTOCOL 12: a batch whose call reports progress is answered as events, one for each message",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open({ protocolVersion: "2025-03-26" });
    const { type, messages } = await session.post([toolCall(1, "echo"), toolCall(2, "progress", { steps: 2 }, 9)]);
    assert.equal(type, "text/event-stream");
    assert.deepEqual(messages.filter(({ id }) => id !== undefined).map(({ id }) => id).sort(), [1, 2]);
    assert.equal(messages.filter(({ method }) => method === "notifications/progress").length, 2);
  },
);

Deno.test("N1: what belongs to no call goes to the listening stream, each message once", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const first = await session.listen();
  const second = await session.listen();
  await session.call(1, "changed");
  assert.equal((await second.next())!.method, "notifications/tools/list_changed");
  second.release();
  await session.call(2, "changed");
  assert.equal((await first.next())!.method, "notifications/tools/list_changed", "the older stream takes over");
  await stdio.upstream.close();
  assert.deepEqual(await first.rest(), []);
  first.release();
});

Deno.test("N1: what was said while nobody listened reaches the first who does", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  await session.call(1, "changed");
  const events = await session.listen();
  assert.equal((await events.next())!.method, "notifications/tools/list_changed");
  events.release();
});

Deno.test("N3: a listening stream resumes behind the event the client has seen last", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const before = await session.listen();
  await session.call(1, "changed");
  await before.next();
  const lastSeen = before.eventIds.at(-1)!;
  await session.call(2, "changed");
  await before.next();
  before.release();
  await session.call(3, "changed");
  const after = await session.listen(lastSeen);
  assert.equal((await after.next())!.method, "notifications/tools/list_changed");
  assert.equal((await after.next())!.method, "notifications/tools/list_changed");
  assert.equal(after.eventIds.length, 2);
  after.release();
});

Deno.test(
  "N3: a call whose client has left is resumed with its answer, before and after it is there",
  STRICT,
  async () => {
    await using stdio = new TestStdio({ limits: { streamAfterMs: 0 } });
    const session = await stdio.open();
    const call = session.begin(toolCall("left", "wait"));
    const left = new EventReader(await call.response);
    const lastSeen = await left.firstId();
    call.abort();
    left.release();
    const early = await session.listen(lastSeen);
    await session.post(toolCall("open", "open"));
    assert.deepEqual((await early.rest()).map(({ id }) => id), ["left"]);
    const late = await session.listen(lastSeen);
    assert.deepEqual((await late.rest()).map(({ id }) => id), ["left"]);
    for (const stream of [early, late]) stream.release();
  },
);

Deno.test("PROTOCOL 16: another session's event id is refused like an unknown one", STRICT, async () => {
  await using stdio = new TestStdio();
  const [one, other] = [await stdio.open(), await stdio.open()];
  const events = await one.listen();
  await one.call(1, "changed");
  await events.next();
  const [id] = events.eventIds;
  events.release();
  await assert.rejects(other.listen(id), /found status 400/);
  await assert.rejects(one.listen("no-such-event-1"), /found status 400/);
  await assert.rejects(one.listen(id!.replace(/\d+$/, "999999")), /found status 400/);
});

Deno.test("PROTOCOL 15: priming events are for revision 2025-11-25 and later only", STRICT, async () => {
  await using stdio = new TestStdio({ limits: { streamAfterMs: 0 } });
  for (const [version, primed] of [["2025-11-25", true], ["2025-06-18", false]] as const) {
    const session = await stdio.open({ protocolVersion: version });
    const call = session.begin(toolCall(1, "wait"));
    const response = await call.response;
    const opened = session.post(toolCall(2, "open"), { accept: "application/json" });
    const text = new TextDecoder().decode(ownBytes((await response.body.read())!));
    assert.equal(/^id: \S+\ndata:\n\n/.test(text), primed, text);
    await opened;
    await readAnswer(response);
  }
});

Deno.test("L2: an id that is unknown, or has been ended, is answered 404 with -32001", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  assert.equal(await session.delete(), 204);
  const { status, messages } = await session.post(toolCall(1, "echo"));
  assert.equal(status, 404);
  assert.equal((messages[0]!.error as { code: number }).code, -32001);
  assert.equal(await session.delete(), 404);
});

Deno.test("PROTOCOL 37: junk on stdout is discarded and logged, and the calls go on", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  for (
    const [i, line] of ["hello there", "{", '"text"', "{}", "[1]", '{"jsonrpc":"2.0","id":77,"result":{}}'].entries()
  ) {
    assert.deepEqual(await session.call(i, "raw", { line }), {});
  }
  assert.ok(stdio.logs.some(({ event }) => event === "MCP server's output discarded"));
});

Deno.test("B6: numbers beyond what JavaScript can hold cross the bridge unchanged, both ways", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const line =
    '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"n":123456789012345678901234567890}}';
  const events = await session.listen();
  const response = await session.begin(toolCall(1, "raw", { line })).response;
  await readAnswer(response);
  const bytes = await events.bytes();
  assert.ok(bytes.includes('"n":123456789012345678901234567890'), bytes);
  events.release();
});

Deno.test(
  "PROTOCOL 11: a client that takes no events gets JSON, and what came before goes to the listening stream",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open();
    const events = await session.listen();
    const { type, messages } = await session.post(toolCall(1, "log", { text: "hi" }), { accept: "application/json" });
    assert.equal(type, "application/json");
    assert.equal(messages.length, 1);
    assert.deepEqual((await events.next())!.params, { level: "info", data: "hi" });
    events.release();
  },
);

Deno.test(
  "PROTOCOL 17: log lines of the only call in flight come on its own stream, not on the listening one",
  STRICT,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open();
    const events = await session.listen();
    const { messages } = await session.post(toolCall(1, "log", { text: "hi" }));
    assert.deepEqual(messages.map(({ method }) => method), ["notifications/message", undefined]);
    await session.call(2, "changed");
    assert.equal((await events.next())!.method, "notifications/tools/list_changed", "and nothing before it");
    events.release();
  },
);
