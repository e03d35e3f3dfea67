// The bridge over peers that are no processes: what it needs of one is in `peer.ts`, what of those that a session has
// in `peer_source.ts`, and nowhere else, so that an HTTP server, or a router over several peers, can stand behind the same
// sessions (docs/behaviour.md B6, B9, C2, N1).
import assert from "node:assert/strict";
import { DEFAULT_BRIDGE_LIMITS } from "../../../lib/bridge/limits.ts";
import type { BridgeRequest } from "../../../lib/bridge/request.ts";
import { BridgeServer } from "../../../lib/bridge/server.ts";
import type { UpstreamSessionId } from "../../../lib/envelope/session_id.ts";
import { SignetError } from "../../../lib/errors.ts";
import { ByteAccount } from "../../../lib/http1/byte_account.ts";
import { parseMessage, TURN_BYTES } from "../../../lib/mcp/messages/read_message.ts";
import { LostSession } from "../../../lib/session/lost_session.ts";
import { callerKeys } from "../../support/callers.ts";
import { FakePeers } from "../../support/fake_peer.ts";
import { FakeTimers } from "../../support/fake_timers.ts";
import { EventReader, initializeMessage, type Json, readAnswer, type Seen, toolCall } from "../../support/stdio.ts";
import { STRICT } from "../../support/strict.ts";

class Bridge {
  readonly timers = new FakeTimers();
  readonly account = new ByteAccount();
  readonly peers: FakePeers[] = [];
  readonly ended: string[] = [];
  /** What its peers are gone on with by. */
  state: string | undefined;
  readonly server: BridgeServer;
  #names = 0;

  constructor() {
    const random = (n: number) => this.#random(n);
    const parts = { limits: DEFAULT_BRIDGE_LIMITS, timers: this.timers, account: this.account, random };
    this.server = new BridgeServer({
      parts,
      gate: { assertOpen() {}, succeed() {}, fail() {} },
      choose: () => (events) => {
        const peers = new FakePeers(events);
        peers.state = this.state;
        this.peers.push(peers);
        return peers;
      },
      onEnded: (id) => this.ended.push(id),
    });
  }

  #random(n: number): Uint8Array {
    return new Uint8Array(n).fill(++this.#names);
  }

  send(message: Json | undefined, over: Partial<BridgeRequest> = {}) {
    return this.server.send({
      method: message === undefined ? "GET" : "POST",
      fields: ["accept", "application/json, text/event-stream"],
      upstreamSessionId: undefined,
      body: message === undefined ? undefined : new TextEncoder().encode(JSON.stringify(message)),
      caller: callerKeys("anna"),
      session: { tag: "s" },
      ...over,
    });
  }

  async ask(message: Json, over: Partial<BridgeRequest> = {}): Promise<Seen> {
    const response = await this.send(message, over).response;
    if (response instanceof LostSession) throw new Error("the session is lost");
    return await readAnswer(response);
  }

  /** A session, with the peers behind it. */
  async open() {
    const { sessionId } = await this.ask(initializeMessage());
    const upstreamSessionId = sessionId as UpstreamSessionId;
    const peers = this.peers.at(-1)!;
    return { peers, peer: peers.current!, on: { upstreamSessionId } };
  }
}

function streamOf(response: unknown): EventReader {
  return new EventReader(response as ConstructorParameters<typeof EventReader>[0]);
}

Deno.test("B6: a call gets the peer's own id, and its answer the client's", STRICT, async () => {
  const bridge = new Bridge();
  const { peer, on } = await bridge.open();
  const asking = bridge.ask(toolCall("mine", "t"), on);
  assert.equal(peer.asked.get(1)!.message.method, "tools/call");
  peer.answer(1, { done: true });
  const { messages } = await asking;
  assert.deepEqual(messages, [{ jsonrpc: "2.0", id: "mine", result: { done: true } }]);
  assert.equal(bridge.server.sizes().calls, 0);
});

Deno.test("B9: calls of a peer that dies hear why; the next peer is told what must outlive it", STRICT, async () => {
  const bridge = new Bridge();
  const { peers, peer, on } = await bridge.open();
  const uri = "a:1";
  const subscribed = bridge.ask({ jsonrpc: "2.0", id: 1, method: "resources/subscribe", params: { uri } }, on);
  peer.answer(1);
  await subscribed;
  const dying = bridge.ask(toolCall(2, "t"), on);
  peers.lose();
  assert.match(String(((await dying).messages[0]!.error as Json).message), /it died/);
  const waiting = bridge.ask(toolCall(3, "t"), on);
  const next = peers.replace();
  assert.deepEqual(next.sent.map(({ method, params }) => [method, params]), [["resources/subscribe", { uri }]]);
  await Promise.resolve();
  next.answer(1, { ok: 1 });
  assert.deepEqual((await waiting).messages[0], { jsonrpc: "2.0", id: 3, result: { ok: 1 } });
});

Deno.test("B9: a call that waits for a peer that never comes ends: refused, or on its stream", STRICT, async () => {
  const bridge = new Bridge();
  const { peers, on } = await bridge.open();
  peers.lose();
  const early = bridge.send(toolCall(1, "t"), on);
  const late = bridge.send(toolCall(2, "t"), on);
  await bridge.timers.advance(DEFAULT_BRIDGE_LIMITS.streamAfterMs);
  const streams = [early, late].map(async ({ response }) => streamOf(await response));
  peers.coming.reject(new SignetError("upstream_unreachable"));
  for (const [i, stream] of (await Promise.all(streams)).entries()) {
    const messages = await stream.rest();
    assert.deepEqual(messages.map(({ id, error }) => [id, (error as Json).code]), [[i + 1, -32000]]);
    stream.release();
  }
  peers.coming = Promise.withResolvers();
  const plain = bridge.send(toolCall(3, "t"), on);
  peers.coming.reject(new SignetError("upstream_timeout"));
  await assert.rejects(plain.response, { code: "upstream_timeout" });
  assert.equal(bridge.server.sizes().calls, 0);
});

Deno.test("C2: a call that is cancelled while it waits for its peer never reaches one", STRICT, async () => {
  const bridge = new Bridge();
  const { peers, on } = await bridge.open();
  peers.lose();
  const waiting = bridge.ask(toolCall(1, "t"), on);
  const note = bridge.ask({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }, on);
  const next = peers.replace();
  assert.equal((await note).status, 202);
  assert.match(String(((await waiting).messages[0]!.error as Json).message), /cancelled/i);
  assert.ok(next.forgotten.length === 1 || next.asked.size === 0);
});

Deno.test("PROTOCOL 19: a peer's question reaches one client, and the answer that very peer", STRICT, async () => {
  const bridge = new Bridge();
  const { peer, on } = await bridge.open();
  const listening = streamOf(await bridge.send(undefined, on).response);
  peer.say({ id: 9007, method: "roots/list" });
  const question = await listening.next();
  assert.notEqual(question!.id, 9007);
  await bridge.ask({ jsonrpc: "2.0", id: question!.id, result: { roots: [] } }, on);
  assert.deepEqual(peer.sent.at(-1), { jsonrpc: "2.0", id: 9007, result: { roots: [] } });
  peer.say({ id: 1, method: "roots/list" });
  await listening.next();
  peer.die();
  assert.equal((await listening.next())!.method, "notifications/cancelled", "nobody is left to be answered");
  listening.release();
});

Deno.test("B9: peers that are doomed end their session, and its id is told", STRICT, async () => {
  const bridge = new Bridge();
  const { peers, on } = await bridge.open();
  const waiting = bridge.send(toolCall(1, "t"), on);
  peers.events.onDoomed();
  await assert.rejects(waiting.response, { code: "session_not_found" });
  assert.deepEqual(bridge.ended, [on.upstreamSessionId]);
  assert.ok(peers.parting);
  assert.ok(await bridge.send(toolCall(2, "t"), on).response instanceof LostSession);
});

Deno.test("B9: a peer that takes nothing makes calls fail, and keeps none", STRICT, async () => {
  const bridge = new Bridge();
  const { peer, on } = await bridge.open();
  peer.takes = false;
  const { messages } = await bridge.ask(toolCall(1, "t"), on);
  assert.match(String((messages[0]!.error as Json).message), /does not take more requests/);
  assert.equal(bridge.server.sizes().calls, 0);
});

Deno.test("P5: a body that its sender has read is not read a second time", STRICT, async () => {
  const bridge = new Bridge();
  const { peer, on } = await bridge.open();
  const deep = `${"[".repeat(200)}${"]".repeat(200)}`;
  const body = new TextEncoder().encode(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"deep":${deep}}}`);
  await assert.rejects(
    bridge.send({}, { ...on, body }).response,
    { code: "invalid_request" },
    "nested too deep for it",
  );
  const parsed = parseMessage(body, { maxDepth: 300 });
  const call = bridge.send({}, { ...on, body, parsed });
  peer.answer(1);
  assert.ok(!(await call.response instanceof LostSession));
});

Deno.test("M3: who reads nothing of his call's stream has less time once another call waits", STRICT, async () => {
  const bridge = new Bridge();
  const { peer, on } = await bridge.open();
  const progress = { progressToken: 1, text: "x".repeat(DEFAULT_BRIDGE_LIMITS.highWaterBytes + 1) };
  for (const [sibling, left] of [[false, 30_000], [true, 5000]] as const) {
    const stalled = bridge.send({ ...toolCall(`stalled ${sibling}`, "t", {}, 1) }, on);
    peer.say({ method: "notifications/progress", params: progress });
    const response = await stalled.response;
    if (sibling) void bridge.send(toolCall("waits", "t"), on).response.catch(() => {});
    await bridge.timers.advance(left - 1);
    const early = response instanceof LostSession || response.body.done;
    assert.equal(early, false, "not yet");
    await bridge.timers.advance(1);
    assert.ok(!(response instanceof LostSession));
    await assert.rejects(response.body.read(), new RegExp(`nothing for ${left} ms`));
    response.release();
    const params = { requestId: `stalled ${sibling}` };
    await bridge.ask({ jsonrpc: "2.0", method: "notifications/cancelled", params }, on);
  }
});

Deno.test(
  "M6: while more waits for a caller than may, it gets no further calls and streams, and others do",
  STRICT,
  async () => {
    const bridge = new Bridge();
    bridge.account.shareLimit = 1000;
    const { peer, on } = await bridge.open();
    const slow = bridge.send(toolCall("long", "t"), on);
    peer.answer(1, { text: "x".repeat(2000) });
    const unread = await slow.response;
    assert.equal((await bridge.ask(toolCall("more", "t"), on)).status, 503);
    assert.equal(((await bridge.send(undefined, on).response) as { head: { status: number } }).head.status, 503);
    const other = bridge.ask(initializeMessage(), { caller: callerKeys("bob") });
    assert.equal((await other).status, 200);
    unread.release();
    const asking = bridge.ask(toolCall("again", "t"), on);
    peer.answer(2, {});
    assert.equal((await asking).status, 200);
  },
);

Deno.test(
  "B9 N3: whoever resumes a call that was under way in an earlier process hears that its answer is lost",
  STRICT,
  async () => {
    const sealed = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
    const earlier = new Bridge();
    const { on } = await earlier.open();
    const calling = earlier.send(toolCall("mine", "t"), on);
    await earlier.timers.advance(DEFAULT_BRIDGE_LIMITS.streamAfterMs);
    const id = await streamOf(await calling.response).firstId();
    const later = new Bridge();
    later.state = on.upstreamSessionId;
    const resume = (lastEventId: string) => {
      const fields = ["accept", "text/event-stream", "last-event-id", lastEventId];
      return later.send(undefined, { ...on, fields, opened: sealed }).response;
    };
    const told = streamOf(await resume(id.replace(/^(\w+)-\w+/, "$1-other")));
    const message = (await told.next())!;
    assert.equal(message.id, "mine");
    assert.match(String((message.error as Json).message), /lost when Signet was restarted/);
    // What is no id is told nobody.
    const forged = new TextEncoder().encode("1}\n\ndata: {}").toHex();
    const other = await resume(`s-other-1-1--${forged}`);
    assert.ok(!(other instanceof LostSession));
    assert.equal(later.server.sizes().events, 1, "the one that was told, for who resumes again");
  },
);

Deno.test(
  "B9: a message so long that it is read in turns begins nothing when the bridge has ended meanwhile",
  STRICT,
  async () => {
    const pad = "x".repeat(TURN_BYTES);
    const bridge = new Bridge();
    const { on } = await bridge.open();
    const opened = bridge.peers.length;
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const calls = [
      bridge.send({ ...initializeMessage(), pad }),
      bridge.send({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { pad, _meta } }),
      bridge.send({ ...toolCall(1, "t"), pad }, on),
    ];
    await bridge.server.close();
    for (const { response } of calls) {
      await assert.rejects(response, (fault) => fault instanceof SignetError && fault.code === "draining");
    }
    assert.deepEqual([bridge.peers.length, bridge.timers.pending], [opened, 0]);
  },
);
