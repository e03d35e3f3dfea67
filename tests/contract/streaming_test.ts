// Event streams pass through event by event, unchanged and unbuffered; either side's end reaches the other
// (docs/behaviour.md N1, N2, C3; docs/protocol.md 15, 18, 32).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { aMoment, until, within } from "../support/until.ts";

/** Reads a stream until its text ends with `ending`, and answers what was read. */
async function readUntil(reader: ReadableStreamDefaultReader<string>, ending: string): Promise<string> {
  let text = "";
  while (!text.endsWith(ending)) {
    const { value, done } = await within(`a stream's ${JSON.stringify(ending)}`, reader.read());
    if (done) {
      throw new Error(`reading until ${JSON.stringify(ending)}: the stream ended after ${JSON.stringify(text)}`);
    }
    text += value;
  }
  return text;
}

function textOf(response: Response): ReadableStreamDefaultReader<string> {
  return response.body!.pipeThrough(new TextDecoderStream()).getReader();
}

/** An event stream the test feeds piece by piece. */
function eventStream() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (c) => void (controller = c),
    cancel: () => void (cancelled = true),
  });
  const encoder = new TextEncoder();
  return {
    response: (headers: Readonly<Record<string, string>> = {}) =>
      new Response(body, { headers: { "content-type": "text/event-stream", ...headers } }),
    send: (text: string) => controller.enqueue(encoder.encode(text)),
    end: () => controller.close(),
    fail: () => controller.error(new Error("gone")),
    get cancelled() {
      return cancelled;
    },
  };
}

const CALL = call(1, "x");

for (const lane of LANES) {
  Deno.test(`N2 PROTOCOL 15: events pass one by one as they come, byte for byte (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const events = eventStream();
    upstream.tool("x", () => events.response());
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const response = await signet.post(CALL, { id });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.equal(response.headers.get("x-accel-buffering"), "no");
    const reader = textOf(response);
    const pieces = [
      "id: 7\nretry: 500\ndata:\n\n",
      'event: message\r\ndata: {"a":1}\r\n\r\n',
      ": hello\n\n",
      "data: é\n\n",
    ];
    for (const piece of pieces) {
      events.send(piece);
      assert.equal(await readUntil(reader, piece), piece);
    }
    events.end();
    assert.equal((await reader.read()).done, true);
  });

  Deno.test(
    `PROTOCOL 18: a client that leaves a call closes the upstream's answer, and cancels nothing (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const events = eventStream();
      upstream.tool("x", () => events.response());
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const abort = new AbortController();
      const response = await signet.post(CALL, { id, signal: abort.signal });
      events.send("data: 1\n\n");
      await readUntil(textOf(response), "data: 1\n\n");
      abort.abort();
      await until(() => events.cancelled, "the upstream's stream is closed");
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "the place is back");
      assert.equal(upstream.received("POST", "notifications/cancelled").length, 0);
    },
  );

  Deno.test(
    `C3: with --cancel-on-disconnect a client that leaves a call cancels it upstream (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const hanging = Promise.withResolvers<unknown>();
      upstream.tool("x", () => hanging.promise);
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--cancel-on-disconnect"] });
      const id = await signet.open();
      const abort = new AbortController();
      const lost = signet.post(call("call-7", "x"), { id, signal: abort.signal });
      await until(() => upstream.ran.get("x") === 1, "the call runs");
      abort.abort();
      await assert.rejects(lost);
      await until(() => upstream.received("POST", "notifications/cancelled").length === 1, "the call is cancelled");
      const [cancelled] = upstream.received("POST", "notifications/cancelled");
      assert.equal(JSON.parse(cancelled!.body).params.requestId, "call-7");
      hanging.resolve({});
    },
  );

  Deno.test(
    `an answer that breaks off upstream breaks off here, and is never passed off as whole (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const events = eventStream();
      upstream.tool("x", () => events.response());
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const reader = textOf(await signet.post(CALL, { id }));
      events.send("data: 1\n\n");
      await readUntil(reader, "data: 1\n\n");
      events.fail();
      await assert.rejects(reader.read());
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "the place is back");
    },
  );

  Deno.test(`N1: closing an old listening stream leaves its replacement alone (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const [first, second] = [new AbortController(), new AbortController()];
    await signet.get({ id, signal: first.signal });
    const reader = textOf(await signet.get({ id, signal: second.signal }));
    first.abort();
    await until(async () => await signet.metric("signet_listening_streams") === 1, "the old stream has left");
    upstream.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
    assert.match(await readUntil(reader, "\n\n"), /list_changed/);
    second.abort();
  });
}

for (const lane of LANES) {
  Deno.test(
    `N2: a silent event stream gets keep-alive comments, between events and never inside one (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = 1_800_000_000_000;
      await using upstream = new FakeMcp();
      const events = eventStream();
      upstream.tool("x", () => events.response());
      const flags = ["--sse-keep-alive", "15s"];
      await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags, now: () => nowMs });
      const id = await signet.open();
      const reader = textOf(await signet.post(CALL, { id }));
      events.send("data: 1\n\n");
      await readUntil(reader, "data: 1\n\n");
      nowMs += 16_000;
      assert.equal(await readUntil(reader, "\n\n"), ": keep-alive\n\n");
      events.send("data: ha");
      await readUntil(reader, "data: ha");
      nowMs += 60_000;
      await aMoment(1500); // longer than a tick: nothing may come in between
      events.send("lf\n\n");
      assert.equal(await readUntil(reader, "\n\n"), "lf\n\n");
      events.end();
    },
  );
}

for (const lane of LANES) {
  Deno.test(`N2: so does one that says it is in no coding (${lane} lane)`, STRICT, async () => {
    let nowMs = 1_800_000_000_000;
    await using upstream = new FakeMcp();
    const events = eventStream();
    upstream.tool("x", () => events.response({ "content-encoding": "Identity" }));
    const flags = ["--sse-keep-alive", "15s"];
    await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags, now: () => nowMs });
    const answer = await signet.post(CALL, { id: await signet.open() });
    assert.equal(answer.headers.get("content-encoding"), "Identity");
    const reader = textOf(answer);
    events.send("data: 1\n\n");
    await readUntil(reader, "data: 1\n\n");
    nowMs += 16_000;
    assert.equal(await readUntil(reader, "\n\n"), ": keep-alive\n\n");
    events.end();
  });
}

for (const lane of LANES) {
  Deno.test(`PROTOCOL 16: Last-Event-ID reaches the upstream as it came (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ lane, upstream: upstream.url });
    const id = await signet.open();
    const abort = new AbortController();
    await signet.get({ id, headers: { "last-event-id": "stream-1:42" }, signal: abort.signal });
    assert.equal(upstream.received("GET")[0]!.headers.get("last-event-id"), "stream-1:42");
    abort.abort();
  });
}

Deno.test("PROTOCOL 30: a stateless client that leaves closes the upstream's stream", STRICT, async () => {
  await using upstream = new FakeMcp();
  const events = eventStream();
  upstream.tool("x", () => events.response());
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "x" };
  const abort = new AbortController();
  const message = { ...CALL, params: { name: "x", _meta: meta } };
  const reader = textOf(await signet.post(message, { headers, signal: abort.signal }));
  events.send("data: 1\n\n");
  await readUntil(reader, "data: 1\n\n");
  abort.abort();
  await until(() => events.cancelled, "the upstream's stream is closed");
});
