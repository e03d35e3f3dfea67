// Stateless clients' pools while it is agreed among replicas who has them: one a kind of client, and none that nobody ends
// (docs/behaviour.md R1, S3, L6).
import assert from "node:assert/strict";
import { DEFAULT_BRIDGE_LIMITS } from "../../../../lib/bridge/limits.ts";
import { BridgeServer } from "../../../../lib/bridge/server.ts";
import { StatelessHost } from "../../../../lib/bridge/stateless/stateless_host.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import type { ClientResponse } from "../../../../lib/http1/types.ts";
import { idSpan } from "../../../../lib/mcp/json/placed_text.ts";
import type { Claim } from "../../../../lib/replica/elsewhere.ts";
import { callerKeys } from "../../../support/callers.ts";
import { FakePeers } from "../../../support/fake_peer.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";
import { unhandledDuring } from "../../../support/unhandled.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

interface Claimed {
  readonly granted: { isMoved: boolean };
  ended: boolean;
  readonly grant: () => void;
}

function scene(reply: Record<string, unknown>) {
  const claims: Claimed[] = [];
  const claim = () => {
    const { promise, resolve } = Promise.withResolvers<Claim>();
    const granted = { isMoved: false, use() {}, end: () => void (asked.ended = true) };
    const asked: Claimed = { granted, ended: false, grant: () => resolve(granted) };
    claims.push(asked);
    return promise;
  };
  const opened: { caller: string; peers: FakePeers }[] = [];
  const timers = new FakeTimers();
  /** What greetings wait for. */
  const slow: { greeting: Promise<unknown> | undefined } = { greeting: undefined };
  let names = 0;
  const server = new BridgeServer({
    parts: {
      limits: DEFAULT_BRIDGE_LIMITS,
      account: new ByteAccount(),
      timers,
      random: (n) => new Uint8Array(n).fill(++names),
      here: { home: "http://here", homes: { claim } },
    },
    gate: { assertOpen() {}, succeed() {}, fail() {} },
    ...(reply.result === undefined ? { statelessPeersAre: "legacy" as const } : {}),
    choose: ({ caller }) => (events) => {
      const peers = new FakePeers(events);
      Object.assign(peers.reply, reply);
      const { initialize } = peers;
      peers.initialize = async () => {
        await slow.greeting;
        return await initialize.call(peers);
      };
      opened.push({ caller: caller.owner, peers });
      return peers;
    },
    onEnded: () => {},
  });
  const calls: { response: Promise<unknown>; abort: () => void }[] = [];
  const ask = async (caller: string) => {
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "t", _meta: META } };
    const call = server.send({
      method: "POST",
      fields: ["accept", "application/json"],
      upstreamSessionId: undefined,
      body: new TextEncoder().encode(JSON.stringify(message)),
      caller: callerKeys(caller),
      session: undefined,
    });
    calls.push({ response: call.response.catch(() => {}), abort: () => call.abort() });
    await settle();
    return calls.at(-1)!;
  };
  const close = async () => {
    await server.close();
    await Promise.all(calls.map(({ response }) => response));
  };
  return { claims, opened, server, ask, close, timers, slow };
}

/** It says that it is stateless: what is asked of it needs no home. */
const STATELESS = { result: { supportedVersions: ["2026-07-28"] } };

Deno.test("L6 R1: a pool that came while another was being agreed on is the only one of its kind", STRICT, async () => {
  const { claims, opened, ask, server, close } = scene(STATELESS);
  await ask("anna");
  await ask("bob");
  claims[1]!.grant();
  await settle();
  await ask("anna");
  claims[0]!.grant();
  await settle();
  assert.deepEqual(opened.map(({ caller }) => caller), ["bob", "anna"]);
  assert.deepEqual(claims.map(({ ended }) => ended), [true, false], "what needs no home holds none");
  assert.equal(opened[1]!.peers.current!.asked.size, 2, "both are asked there");
  server.endStateless(() => true);
  await close();
  assert.deepEqual(opened.map(({ peers }) => peers.parting), ["end", "end"], "none is missed");
});

Deno.test("S3: what becomes of a pool's sessions is told by why it goes", STRICT, async () => {
  const { claims, opened, ask, server, close, timers, slow } = scene({});
  const parting = (at: number) => opened[at]!.peers.parting;
  const greeting = Promise.withResolvers<void>();
  const grant = async (at: number) => {
    claims[at]!.grant();
    await settle();
  };
  slow.greeting = greeting.promise;
  const givenUp = await ask("gives up");
  await grant(0);
  givenUp.abort();
  await settle();
  assert.equal(parting(0), "leave", "a client that gives up before there is a peer ends nothing");
  slow.greeting = undefined;
  greeting.resolve();
  for (const [at, caller] of [[1, "moves"], [2, "rests"], [3, "is revoked"], [4, "is there at the end"]] as const) {
    const call = await ask(caller);
    await grant(at);
    call.abort();
    await settle();
    assert.equal(parting(at), undefined);
  }
  claims[1]!.granted.isMoved = true;
  await ask("moves");
  assert.equal(parting(1), "leave", "another replica goes on with what it finds");
  const { owner } = callerKeys("is revoked");
  server.endStateless((each) => each === owner);
  assert.equal(parting(3), "end");
  const later = await ask("is there at the end");
  await timers.advance(DEFAULT_BRIDGE_LIMITS.idleMs);
  assert.equal(parting(2), "end");
  later.abort();
  await grant(5);
  await close();
  assert.equal(parting(4), "leave", "the next process goes on");
});

Deno.test("S3: nothing is begun behind the end, and no timer is set there", STRICT, async () => {
  const timers = new FakeTimers();
  const parts = {
    limits: DEFAULT_BRIDGE_LIMITS,
    account: new ByteAccount(),
    timers,
    random: (n: number) => new Uint8Array(n),
  };
  const choose = () => () => assert.fail("nobody is to be started");
  const gate = { assertOpen() {}, succeed() {}, fail() {} };
  const host = new StatelessHost({ parts, gate, choose, statelessPeersAre: "legacy" });
  await host.end();
  const request = { kind: "request" as const, id: 1, method: "tools/call", params: { name: "t", _meta: META } };
  const text = new TextEncoder().encode(JSON.stringify({ jsonrpc: "2.0", ...request }));
  const asking = { caller: callerKeys("a"), fields: [], where: { gone: [], isPassedOn: false } };
  assert.throws(
    () => host.post(asking, { text, id: idSpan(text), request, accepts: { json: true, events: true }, fields: [] }),
    (fault) => fault instanceof SignetError && fault.code === "draining",
  );
  assert.equal(timers.pending, 0);
});

Deno.test("B9: a fault in what is made of an answer is told, and leaves nobody waiting", STRICT, async () => {
  const { claims, opened, ask, close } = scene({});
  const call = await ask("anna");
  claims[0]!.grant();
  await settle();
  const { asker } = opened[0]!.peers.current!.asked.get(1)!;
  // What no peer says: a value that its text does not hold.
  const reply = { line: new TextEncoder().encode('{"jsonrpc":"2.0","id":1}'), value: { result: {} } };
  let text = "";
  const told = await unhandledDuring(async () => {
    void asker.onReply(reply);
    const response = await call.response as ClientResponse;
    text = new TextDecoder().decode(await response.body.readAll(10_000));
  });
  assert.match(text, /"id":1,"error":\{"code":-32603/);
  assert.ok(told[0] instanceof TypeError, String(told));
  await close();
});
