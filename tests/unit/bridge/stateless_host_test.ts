// Stateless clients' pools while it is agreed among replicas who has them: one a kind of client, and none that nobody ends
// (docs/behaviour.md R1, S3, L6).
import assert from "node:assert/strict";
import { DEFAULT_BRIDGE_LIMITS } from "../../../lib/bridge/limits.ts";
import { BridgeServer } from "../../../lib/bridge/server.ts";
import { ByteAccount } from "../../../lib/http1/byte_account.ts";
import type { Claim } from "../../../lib/replica/elsewhere.ts";
import { callerKeys } from "../../support/callers.ts";
import { FakePeers } from "../../support/fake_peer.ts";
import { FakeTimers, settle } from "../../support/fake_timers.ts";
import { STRICT } from "../../support/strict.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

Deno.test("L6 R1: a pool that came while another was being agreed on is the only one of its kind", STRICT, async () => {
  const claims: { ended: boolean; grant: () => void }[] = [];
  const claim = () => {
    const { promise, resolve } = Promise.withResolvers<Claim>();
    const asked = {
      ended: false,
      grant: () => resolve({ isMoved: false, use() {}, end: () => void (asked.ended = true) }),
    };
    claims.push(asked);
    return promise;
  };
  const opened: { caller: string; peers: FakePeers }[] = [];
  let names = 0;
  const server = new BridgeServer({
    parts: {
      limits: DEFAULT_BRIDGE_LIMITS,
      account: new ByteAccount(),
      timers: new FakeTimers(),
      random: (n) => new Uint8Array(n).fill(++names),
      here: { home: "http://here", homes: { claim } },
    },
    gate: { assertOpen() {}, succeed() {}, fail() {} },
    choose: ({ caller }) => (events) => {
      const peers = new FakePeers(events);
      // It says that it is stateless: what is asked of it needs no home.
      peers.reply = { result: { supportedVersions: ["2026-07-28"] } };
      opened.push({ caller: caller.owner, peers });
      return peers;
    },
    onEnded: () => {},
  });
  const calls: Promise<unknown>[] = [];
  const ask = (caller: string) => {
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "t", _meta: META } };
    const call = server.send({
      method: "POST",
      fields: ["accept", "application/json"],
      upstreamSessionId: undefined,
      body: new TextEncoder().encode(JSON.stringify(message)),
      caller: callerKeys(caller),
      session: undefined,
    });
    calls.push(call.response.catch(() => {}));
    return settle();
  };
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
  await server.close();
  await Promise.all(calls);
  assert.deepEqual(opened.map(({ peers }) => peers.parting), ["end", "end"], "none is missed");
});
