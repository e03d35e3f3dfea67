// G1: whoever observes is told of every exchange once, however it ends, in both lanes.
import assert from "node:assert/strict";
import type { ExchangeRecord } from "../../lib/observe/exchange_record.ts";
import type { LifeEvent } from "../../lib/observe/observers.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { Replicas } from "../support/replicas.ts";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

class Watcher {
  readonly records: ExchangeRecord[] = [];
  readonly events: LifeEvent[] = [];
  readonly begun: ExchangeRecord[] = [];

  constructor(signet: TestSignet) {
    signet.app.observers.add({
      onBegin: (record) => void this.begun.push(record),
      onExchange: (record) => void this.records.push(record),
      onEvent: (event) => void this.events.push(event),
    });
  }

  async next(count: number): Promise<ExchangeRecord> {
    await until(() => this.records.length >= count, `${count} records`);
    assert.equal(this.records.length, count);
    return this.records.at(-1)!;
  }

  names(): string[] {
    return this.events.map(({ event }) => event);
  }
}

for (const lane of LANES) {
  Deno.test(`G1: a call is told of once, with who, what and how it came out (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    upstream.tool("fails", () => ({ content: [{ type: "text", text: '"isError":false' }], isError: true }));
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--principal", "bearer"] });
    const watcher = new Watcher(signet);
    const id = await signet.open({ token: "alice" });
    const first = await watcher.next(1);
    assert.deepEqual([first.method, first.status, first.lane], ["initialize", 200, "full"]);
    const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "user-agent": "probe/1" };
    await (await signet.post(call("a", "echo", { secret: 1 }), { id, token: "alice", headers })).text();
    const record = await watcher.next(2);
    assert.deepEqual(
      [record.lane, record.httpMethod, record.path, record.status, record.method, record.name, record.rpcId],
      [lane, "POST", "/mcp", 200, "tools/call", "echo", "a"],
    );
    assert.deepEqual(
      [record.outcomeKnown, record.isError, record.rpcCode, record.refusal, record.cutBy],
      [true, false, undefined, undefined, undefined],
    );
    assert.equal(record.session, first.session);
    assert.match(String(record.session), /^[0-9a-f]{12}$/);
    assert.equal(record.actor?.source, "bearer");
    assert.equal(record.from, "127.0.0.1");
    assert.equal(record.userAgent, "probe/1");
    assert.equal(record.traceparent, headers.traceparent);
    assert.equal(record.bytesIn, JSON.stringify(call("a", "echo", { secret: 1 })).length);
    assert.equal(record.bytesOut > 10, true);
    assert.equal(record.durationMs > 0 && record.upstreamMs! > 0 && record.upstreamMs! <= record.durationMs, true);
    assert.equal(record.upstream !== undefined, true);
    await (await signet.post(call(2, "fails"), { id, token: "alice" })).text();
    assert.equal((await watcher.next(3)).isError, true);
    await (await signet.post(call(3, "unknown"), { id, token: "alice" })).text();
    assert.equal((await watcher.next(4)).rpcCode, -32602);
    await signet.delete({ id, token: "alice" });
    assert.deepEqual([(await watcher.next(5)).httpMethod, watcher.records[4]!.session], ["DELETE", first.session]);
    assert.deepEqual(watcher.names(), ["session.open", "session.end"]);
    assert.equal(watcher.events[1]!.reason, "deleted");
    assert.deepEqual(watcher.begun, watcher.records);
  });

  Deno.test(`G1: an answer in events is told of as one in JSON is (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp({ events: true });
    const encoder = new TextEncoder();
    upstream.tool("slow", ({ id }) => {
      const parts = [
        `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"isError":true}}\n\n`,
        `event: message\ndata: {"jsonrpc":"2.0","id":${JSON.stringify(id)},"resu`,
        `lt":{"content":[],"isError":true}}\n\n`,
      ];
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await Promise.resolve();
          const part = parts.shift();
          if (part === undefined) controller.close();
          else controller.enqueue(encoder.encode(part));
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    });
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const watcher = new Watcher(signet);
    const id = await signet.open();
    await (await signet.post(call(1, "echo"), { id })).text();
    assert.deepEqual([(await watcher.next(2)).outcomeKnown, watcher.records[1]!.isError], [true, false]);
    await (await signet.post(call(2, "slow"), { id })).text();
    assert.deepEqual([(await watcher.next(3)).outcomeKnown, watcher.records[2]!.isError], [true, true]);
  });

  for (const [type, frame] of [["application/json", ""], ["text/event-stream", "data: "]] as const) {
    Deno.test(`G1: an answer that says it is in no coding is read (${type}, ${lane} lane)`, STRICT, async () => {
      await using upstream = new FakeMcp();
      upstream.tool("plain", ({ id }) => {
        const text = JSON.stringify({ jsonrpc: "2.0", id, result: { content: [], isError: true } });
        const headers = { "content-type": type, "content-encoding": "identity" };
        return new Response(`${frame}${text}\n\n`, { headers });
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const watcher = new Watcher(signet);
      await (await signet.post(call(1, "plain"), { id: await signet.open() })).text();
      const { outcomeKnown, isError } = await watcher.next(2);
      assert.deepEqual([outcomeKnown, isError], [true, true]);
    });
  }

  Deno.test(`G1: what is refused, cut and left is told of once each (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const held = Promise.withResolvers<void>();
    upstream.tool("hangs", async () => (await held.promise, {}));
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--principal", "bearer"] });
    const watcher = new Watcher(signet);
    const token = ["authorization: Bearer alice"];
    const id = await signet.open({ token: "alice" });
    const ping = JSON.stringify(call(7, "echo"));
    const cases: [bytes: string, status: number, refusal: string][] = [
      ["junk\r\n\r\n", 400, "malformed_http"],
      ["GET /mcp HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403, "host_refused"],
      ["GET /elsewhere HTTP/1.1\r\nhost: localhost\r\n\r\n", 404, "path_not_found"],
      [rawPost(ping, []), 401, "unauthenticated"],
      [rawPost(ping, [...token, "mcp-session-id: forged"]), 404, "session_not_found"],
      [rawPost(ping, ["authorization: Bearer mallory", `mcp-session-id: ${id}`]), 403, "owner_mismatch"],
      [rawPost("{", [...token, `mcp-session-id: ${id}`]), 400, "parse_error"],
    ];
    for (const [index, [bytes, status, refusal]] of cases.entries()) {
      using client = await RawClient.connect(signet.url);
      await client.send(bytes);
      const answer = await client.answer();
      const record = await watcher.next(index + 2);
      assert.deepEqual([record.status, record.refusal], [status, refusal], bytes);
      assert.equal(record.errorId, JSON.parse(answer.body).error.data.errorId, bytes);
      assert.equal(record.rpcCode, JSON.parse(answer.body).error.code, bytes);
    }
    const [, , , , , , stranger] = watcher.records;
    assert.match(String(stranger!.session), /^[0-9a-f]{12}$/, "whose session was tried");
    assert.equal(stranger!.actor?.source, "bearer");
    const gone = new AbortController();
    const calling = signet.post(call(8, "hangs"), { id, token: "alice", signal: gone.signal }).catch(() => {});
    await until(() => upstream.ran.get("hangs") === 1, "the call to run");
    gone.abort();
    await calling;
    const left = await watcher.next(9);
    assert.deepEqual([left.cutBy, left.status, left.method, left.name], ["client", 0, "tools/call", "hangs"]);
    const streamGone = new AbortController();
    const stream = await signet.get({ id, token: "alice", signal: streamGone.signal });
    await until(() => watcher.names().includes("stream.open"), "the stream to be told of");
    await signet.delete({ id, token: "alice" });
    await stream.text();
    await until(() => watcher.records.length === 11, "the stream and the DELETE to have ended");
    const listened = watcher.records.find(({ isStream }) => isStream)!;
    assert.deepEqual([listened.cutBy, listened.httpMethod, listened.status], ["deleted", "GET", 200]);
    held.resolve();
  });
}

Deno.test("G1: which of several servers a call was for is told", STRICT, async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ files: a, github: b });
  const watcher = new Watcher(signet);
  const session = await SeveralSession.open(signet);
  await session.call("github_echo", { x: 1 });
  const record = watcher.records.at(-1)!;
  assert.deepEqual([record.name, record.member, record.upstream], ["github_echo", "github", "several"]);
  await session.call("nothing_echo", { x: 1 });
  assert.deepEqual([watcher.records.at(-1)!.member, watcher.records.at(-1)!.rpcCode], [undefined, -32602]);
});

Deno.test("G1: each message of a batch is told of", STRICT, async () => {
  await using upstream = new FakeMcp({ protocolVersion: "2025-03-26" });
  upstream.onRequest = ({ body }) => body.startsWith("[") ? Response.json([]) : undefined;
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const watcher = new Watcher(signet);
  const id = await signet.open();
  await (await signet.post([call(1, "echo"), { jsonrpc: "2.0", method: "notifications/x" }], { id })).text();
  const { batch, method } = await watcher.next(2);
  assert.equal(method, undefined);
  assert.deepEqual(batch?.map((item) => [item.method, item.name, item.rpcId]), [["tools/call", "echo", 1], [
    "notifications/x",
    undefined,
    null,
  ]]);
});

for (const lane of LANES) {
  Deno.test(
    `G1 R1: of replicas, the one that was reached tells of a call, once, and how it came out (${lane} lane)`,
    STRICT,
    async () => {
      await using replicas = await Replicas.start({ count: 2, lane });
      const [home, other] = [replicas.at(0), replicas.at(1)];
      const watchers = [new Watcher(home.signet), new Watcher(other.signet)] as const;
      home.upstream.tool("fails", () => ({ content: [], isError: true }));
      const id = await home.signet.open();
      await (await other.signet.post(call(1, "fails"), { id })).text();
      await (await home.signet.post(call(2, "echo"), { id })).text();
      await until(() => watchers[0].records.length === 2 && watchers[1].records.length === 1, "all three");
      const told = watchers.map(({ records }) => records.map(({ name, isError, session }) => [name, isError, session]));
      const { session } = watchers[0].records[0]!;
      assert.deepEqual(told, [[[undefined, false, session], ["echo", false, session]], [["fails", true, session]]]);
    },
  );
}

Deno.test("G1: nobody is told where nobody observes, and an observer that throws harms nobody", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const stop = signet.app.observers.add({
    onExchange() {
      throw new Error("broken");
    },
  });
  const id = await signet.open();
  assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
  await until(() => signet.app.observers.faults === 2, "both faults to be counted");
  stop();
  assert.equal(signet.app.observers.watched, false);
  await (await signet.post(INITIALIZE)).text();
  assert.equal(signet.app.observers.faults, 2);
});

Deno.test("G1: an id that comes back is told of as such, and so is a reload that fails", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using first = await TestSignet.start({ upstream: upstream.url });
  const id = await first.open();
  await using second = await TestSignet.start({ upstream: upstream.url, ring: first.ring });
  const watcher = new Watcher(second);
  await (await second.post(call(1, "echo"), { id })).text();
  assert.deepEqual(watcher.names(), ["session.resume"]);
  await second.app.reload();
  second.flags = [...second.flags, "--no-such-flag"];
  await second.app.reload().catch(() => {});
  assert.deepEqual(watcher.events.slice(1).map(({ event, ok }) => [event, ok]), [["config.reload", true], [
    "config.reload",
    false,
  ]]);
});
