// One of several servers becomes one of the other era while clients use it (docs/behaviour.md S2, A6): they find it again,
// whatever their own era is, and nobody is cut for a server that only refuses.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { messageOf, TestSignet } from "../support/signet.ts";
import { ask } from "../support/stateless.ts";
import type { Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until, within } from "../support/until.ts";

type Era = "sessions" | "stateless";
type Server = FakeMcp | FakeStateless;

const TOOLS = [{ name: "echo", inputSchema: { type: "object" } }];

/** A server of that era alone, which says what it is of. */
function serverOf(era: Era, port = 0): Server {
  if (era === "stateless") {
    return new FakeStateless(port)
      .on("tools/call", () => ({ resultType: "complete", content: [], era }))
      .on("tools/list", () => ({ resultType: "complete", ttlMs: 0, cacheScope: "private", tools: TOOLS }));
  }
  const server = new FakeMcp({ sessionsOnly: true, port }).tool("echo", () => ({ content: [], era }));
  server.onRequest = ({ body, sessionId }) => {
    const { id, method } = JSON.parse(body || "{}");
    if (method !== "tools/list" || !server.sessions.has(sessionId ?? "")) return undefined;
    return server.message({ jsonrpc: "2.0", id, result: { tools: TOOLS } });
  };
  return server;
}

function startSignet(a: Server, b: Server): Promise<TestSignet> {
  return TestSignet.start({ upstream: `a=${a.url}`, flags: ["--upstream", `b=${b.url}`] });
}

/** A client of that era: asks by method and params. */
async function clientOf(era: Era, signet: TestSignet): Promise<(method: string, params: Json) => Promise<Json>> {
  if (era === "stateless") return (method, params) => messageOf(ask(signet, method, params));
  const id = await signet.open();
  let last = 0;
  return (method, params) => messageOf(signet.post({ jsonrpc: "2.0", id: ++last, method, params }, { id }));
}

const ERAS = ["sessions", "stateless"] as const;

for (const client of ERAS) {
  for (const before of ERAS) {
    for (const other of ERAS) {
      const after = before === "sessions" ? "stateless" : "sessions";
      const [is, was] = [after, before].map((era) => era === "sessions" ? "has sessions" : "has none");
      const beside = other === "sessions" ? "one that has" : "one that has none";
      const whose = client === "sessions" ? "a session's client" : "a stateless client";
      Deno.test(
        `S2 A6: a member that ${was} and then ${is} is found again by ${whose}, beside ${beside}`,
        STRICT,
        async () => {
          await using a = serverOf(other);
          const first = serverOf(before);
          const { port } = first;
          await using signet = await startSignet(a, first);
          const request = await clientOf(client, signet);
          const callB = async () =>
            ((await request("tools/call", { name: "b_echo", arguments: {} })).result as Json)?.era;
          assert.equal(await callB(), before);
          await first[Symbol.asyncDispose]();
          await using _second = serverOf(after, port);
          await until(async () => await callB() === after, `a call is answered by a server that ${is}`);
          const { result } = await request("tools/list", {});
          assert.deepEqual(((result as Json).tools as Json[]).map(({ name }) => name).sort(), ["a_echo", "b_echo"]);
          assert.equal(((await request("tools/call", { name: "a_echo", arguments: {} })).result as Json).era, other);
        },
      );
    }
  }
  Deno.test(`A6: a member that only refuses one call keeps its others under way (${client})`, STRICT, async () => {
    await using a = serverOf("stateless");
    await using b = serverOf("stateless") as FakeStateless;
    const gate = Promise.withResolvers<void>();
    let doubted = 0;
    b.on("tools/call", async ({ params }) => {
      if (params.name !== "slow") return new Response("no such thing", { status: 404 });
      await gate.promise;
      return { resultType: "complete", content: [], era: "slow" };
    });
    await using signet = await startSignet(a, b);
    const request = await clientOf(client, signet);
    const slow = request("tools/call", { name: "b_slow", arguments: {} });
    await until(() => b.received("tools/call").length === 1, "the slow call runs");
    const asked = b.received("server/discover").length + b.refused.length;
    assert.match(JSON.stringify(await request("tools/call", { name: "b_gone", arguments: {} })), /status 404/);
    await until(() => (doubted = b.received("server/discover").length + b.refused.length) > asked, "it is asked again");
    // Whatever comes of being asked has come of it once another has been answered.
    assert.match(JSON.stringify(await request("tools/call", { name: "b_gone", arguments: {} })), /status 404/);
    gate.resolve();
    assert.equal(((await within("the slow call", slow)).result as Json).era, "slow");
    assert.ok(doubted - asked <= 2, "and not at every refusal");
  });
}

Deno.test(
  "A6 S2: a call under way at another member goes on while clients without sessions are given other peers",
  STRICT,
  async () => {
    await using a = serverOf("stateless") as FakeStateless;
    const gate = Promise.withResolvers<void>();
    a.on("tools/call", async () => {
      await gate.promise;
      return { resultType: "complete", content: [], era: "slow" };
    });
    const first = serverOf("stateless");
    const { port } = first;
    await using signet = await startSignet(a, first);
    const request = await clientOf("stateless", signet);
    const slow = request("tools/call", { name: "a_echo", arguments: {} });
    await until(() => a.received("tools/call").length === 1, "the slow call runs");
    await first[Symbol.asyncDispose]();
    await using _second = serverOf("sessions", port);
    const callB = async () => ((await request("tools/call", { name: "b_echo", arguments: {} })).result as Json)?.era;
    await until(async () => await callB() === "sessions", "the other member has sessions now");
    gate.resolve();
    assert.equal(((await within("the slow call", slow)).result as Json).era, "slow");
  },
);

Deno.test(
  "A6: a member of both eras that refuses a call of a stateless client is not greeted anew, nor any other",
  STRICT,
  async () => {
    await using a = serverOf("stateless") as FakeStateless;
    await using b = serverOf("stateless") as FakeStateless;
    b.on("tools/call", () => new Response("no such thing", { status: 404 }));
    await using both = new FakeMcp({ sessionsOnly: true });
    let initialized = 0;
    both.onRequest = async ({ headers, body }) => {
      if (JSON.parse(body || "{}").method === "initialize") initialized++;
      return headers.get("mcp-protocol-version") === "2026-07-28"
        ? await fetch(b.url, { method: "POST", headers, body })
        : undefined;
    };
    await using signet = await startSignet(a, both);
    const request = await clientOf("stateless", signet);
    for (let call = 0; call < 3; call++) {
      assert.match(JSON.stringify(await request("tools/call", { name: "b_echo", arguments: {} })), /status 404/);
    }
    await until(() => b.received("server/discover").length === 2, "it is asked what it is");
    for (let call = 0; call < 3; call++) {
      assert.match(JSON.stringify(await request("tools/call", { name: "b_echo", arguments: {} })), /status 404/);
    }
    assert.deepEqual([initialized, a.received("server/discover").length], [0, 1]);
    assert.equal(b.received("server/discover").length, 2, "and not at every refusal");
  },
);
