// Calls that wait for stateless clients, in great number and abandoned (docs/behaviour.md S4, M6): what they may be, and
// that nothing is left of them.
import assert from "node:assert/strict";
import { type BridgeLimits, DEFAULT_BRIDGE_LIMITS } from "../../../../../lib/bridge/limits.ts";
import { BridgeServer } from "../../../../../lib/bridge/server.ts";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { LostSession } from "../../../../../lib/session/lost_session.ts";
import { callerKeys } from "../../../../support/callers.ts";
import { type FakePeer, FakePeers } from "../../../../support/fake_peer.ts";
import { FakeTimers, settle } from "../../../../support/fake_timers.ts";
import { type Json, readAnswer } from "../../../../support/stdio.ts";
import { STRICT } from "../../../../support/strict.ts";

const { parkMs, gatherMs } = DEFAULT_BRIDGE_LIMITS;
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
};
const QUESTION = { method: "elicitation/create", params: { message: "who?", requestedSchema: {} } };
const GONE = "Invalid params: the call that this requestState belongs to does not wait any more";

/** Stateless callers before one server of the sessions' era, in memory. */
class Bridge {
  readonly timers = new FakeTimers();
  readonly account = new ByteAccount();
  readonly server: BridgeServer;
  readonly #peers: FakePeers[] = [];
  #names = 0;

  constructor(limits: Partial<BridgeLimits> = {}) {
    const random = (n: number) => {
      const bytes = new Uint8Array(n);
      new DataView(bytes.buffer).setUint32(0, ++this.#names);
      return bytes;
    };
    const parts = {
      limits: { ...DEFAULT_BRIDGE_LIMITS, ...limits },
      timers: this.timers,
      account: this.account,
      random,
    };
    const open = (events: ConstructorParameters<typeof FakePeers>[0]) => {
      const peers = new FakePeers(events);
      this.#peers.push(peers);
      return peers;
    };
    const gate = { assertOpen() {}, succeed() {}, fail() {} };
    this.server = new BridgeServer({ parts, gate, choose: () => open, onEnded: () => {}, statelessPeersAre: "legacy" });
  }

  get peers(): FakePeer[] {
    return this.#peers.map(({ current }) => current!);
  }

  call(caller: string, more: Json = {}) {
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask", ...more, _meta: META } };
    const call = this.server.send({
      method: "POST",
      fields: ["accept", "application/json"],
      upstreamSessionId: undefined,
      body: new TextEncoder().encode(JSON.stringify(message)),
      caller: callerKeys(caller),
      session: undefined,
    });
    return call.response.then(async (response) => {
      if (response instanceof LostSession) throw new Error("the session is lost");
      return (await readAnswer(response)).messages[0]!;
    });
  }

  /** A call of which the server asks its client; answered with what it brings back, or undefined where it is refused. */
  async ask(caller: string, params: Json = QUESTION.params): Promise<string | undefined> {
    const known = new Set(this.peers.flatMap((peer) => [...peer.asked.values()]));
    const answer = this.call(caller);
    await settle();
    const peer = this.peers.find(({ asked }) => [...asked.values()].some((one) => !known.has(one)))!;
    const ownId = [...peer.asked.keys()].at(-1)!;
    const refusals = peer.refused.length;
    peer.say({ id: `q${ownId}`, ...QUESTION, params }, ownId);
    await this.timers.advance(gatherMs);
    if (peer.refused.length > refusals) return void peer.answer(ownId);
    return ((await answer).result as { requestState: string }).requestState;
  }

  async errorOfRetry(caller: string, requestState: string | undefined): Promise<unknown> {
    return (await this.call(caller, { requestState, inputResponses: {} })).error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    assert.deepEqual([this.account.held, this.timers.pending], [0, 0], "nothing is left");
  }
}

/** Of notifications and answers that a server got. */
function cancelledBy({ sent }: FakePeer): number {
  return sent.filter(({ method }) => method === "notifications/cancelled").length;
}

Deno.test(
  "S4 M6: a thousand calls that nobody comes back for are given up, and nothing is left of them",
  STRICT,
  async () => {
    await using bridge = new Bridge();
    const callers = Array.from({ length: 10 }, (_, n) => `caller ${n}`);
    const states = new Map<string, string | undefined>();
    for (const caller of callers) {
      for (let n = 0; n < 100; n++) states.set(caller, await bridge.ask(caller));
      assert.notEqual(states.get(caller), undefined);
      assert.equal(await bridge.ask(caller), undefined, "one more than a caller may have");
      assert.equal(bridge.peers.at(-1)!.refused.at(-1)!.code, -32603);
    }
    assert.equal(bridge.server.sizes().calls, 1000);
    assert.ok(bridge.account.held > 1000 * JSON.stringify(QUESTION).length, "what they ask is counted");
    const rest = callers.length * 2; // of each peer: what waits to become a stream, and the gathering of questions
    assert.ok(bridge.timers.pending <= 1 + rest, `one timer for all: found ${bridge.timers.pending}`);

    await bridge.timers.advance(parkMs);
    for (const peer of bridge.peers) {
      assert.equal(cancelledBy(peer), 100, "the server hears that nobody comes back");
      const said = peer.sent.filter(({ id, result }) => id !== undefined && result !== undefined);
      assert.deepEqual(said.map(({ result }) => result), Array(100).fill({ action: "cancel" }));
      assert.equal(peer.asked.size, 0);
    }
    assert.deepEqual([bridge.server.sizes().calls, bridge.account.held], [0, 0]);
    for (const caller of callers) {
      assert.deepEqual(await bridge.errorOfRetry(caller, states.get(caller)), {
        code: -32602,
        message: GONE,
        data: { reason: "invalid_request_state" },
      });
      assert.notEqual(await bridge.ask(caller), undefined, "there is room again");
    }
  },
);

Deno.test(
  "S4 M6: calls wait in bounded number over all callers, and a place is free with the call's end",
  STRICT,
  async () => {
    await using bridge = new Bridge({ maxParked: 3 });
    const state = await bridge.ask("anna");
    await bridge.ask("bert");
    await bridge.ask("cleo");
    assert.equal(await bridge.ask("dora"), undefined);
    const answer = bridge.call("anna", { requestState: state, inputResponses: { q1: { action: "accept" } } });
    await settle();
    assert.notEqual(await bridge.ask("dora"), undefined, "one that has all its answers waits for nobody");
    bridge.peers[0]!.answer(1, { content: [] });
    assert.deepEqual((await answer).result, {
      content: [],
      resultType: "complete",
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "fake", version: "1" } },
    });
  },
);

Deno.test("S4 M6: what a caller's calls ask counts against its share of the memory", STRICT, async () => {
  await using bridge = new Bridge();
  bridge.account.shareLimit = 200_000;
  const long = { message: "x".repeat(80_000) };
  assert.notEqual(await bridge.ask("anna", long), undefined);
  assert.notEqual(await bridge.ask("anna", long), undefined);
  assert.equal(await bridge.ask("anna", long), undefined);
  assert.notEqual(await bridge.ask("bert", long), undefined, "nobody else is held up");
});

Deno.test("S4 M6: calls that wait end with Signet, those that are answered already too", STRICT, async () => {
  await using bridge = new Bridge();
  await bridge.ask("anna");
  await bridge.ask("anna");
  bridge.peers[0]!.answer(2, { content: [] });
  assert.ok(bridge.account.held > 0);
});

Deno.test("S4: a server that does not take now that nobody comes back hears of it when it does", STRICT, async () => {
  await using bridge = new Bridge();
  await bridge.ask("anna");
  const [peer] = bridge.peers;
  peer!.takes = false;
  await bridge.timers.advance(parkMs);
  assert.equal(peer!.asked.size, 1, "the call is at its server still");
  const tries = peer!.sent.length;
  peer!.takes = true;
  await bridge.timers.advance(1000);
  const [said, cancelled, ...rest] = peer!.sent.slice(tries);
  assert.deepEqual([said!.result, cancelled!.method, rest], [{ action: "cancel" }, "notifications/cancelled", []]);
  assert.equal(peer!.asked.size, 0);
});

Deno.test("S4: what a server does not take now of an answer is asked for again, and is not lost", STRICT, async () => {
  await using bridge = new Bridge();
  const requestState = await bridge.ask("anna");
  const [peer] = bridge.peers;
  peer!.takes = false;
  const inputResponses = { q1: { action: "accept" } };
  const { result } = await bridge.call("anna", { requestState, inputResponses }) as { result: Json };
  assert.deepEqual(Object.keys(result.inputRequests as Json), ["q1"]);
  peer!.takes = true;
  const answer = bridge.call("anna", { requestState: result.requestState, inputResponses });
  await settle();
  assert.deepEqual(peer!.sent.at(-1), { jsonrpc: "2.0", id: "q1", result: { action: "accept" } });
  peer!.answer(1, { content: [] });
  assert.deepEqual(((await answer).result as Json).content, []);
});

Deno.test("S4: a question that is about no call in particular goes to one whose client is there", STRICT, async () => {
  await using bridge = new Bridge();
  await bridge.ask("anna");
  const answer = bridge.call("anna");
  await settle();
  bridge.peers[0]!.say({ id: 7, ...QUESTION });
  await bridge.timers.advance(gatherMs);
  assert.deepEqual(Object.keys(((await answer).result as { inputRequests: Json }).inputRequests), ["#7"]);
});
