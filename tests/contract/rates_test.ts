// How often somebody may ask: exact in one process, in words an agent reads where a tool is called, 429 elsewhere
// (docs/behaviour.md G5).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, INITIALIZE, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

class Scene implements AsyncDisposable {
  readonly upstream: FakeMcp;
  readonly issuer: TestIssuer;
  readonly signet: TestSignet;
  readonly clock: { nowMs: number };

  private constructor(parts: Pick<Scene, "upstream" | "issuer" | "signet" | "clock">) {
    this.upstream = parts.upstream;
    this.issuer = parts.issuer;
    this.signet = parts.signet;
    this.clock = parts.clock;
  }

  static async start(lane: Lane, flags: readonly string[]): Promise<Scene> {
    const upstream = new FakeMcp();
    for (const name of ["search", "other"]) upstream.tool(name, () => ({ content: [] }));
    const issuer = await TestIssuer.create();
    const clock = { nowMs: Date.now() };
    const options = { upstream: upstream.url, lane, flags: [...issuer.flags, ...flags], now: () => clock.nowMs };
    return new Scene({ upstream, issuer, clock, signet: await TestSignet.start(options) });
  }

  async session(subject: string) {
    const token = await this.issuer.token(subject);
    const id = await this.signet.open({ token });
    return {
      token,
      id,
      post: (message: unknown) => this.signet.post(message, { id, token }),
      /** Whether the tool ran. */
      calls: async (name = "echo") => {
        const { result } = await (await this.signet.post(call(1, name), { id, token })).json();
        return result !== undefined && result.isError !== true;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
    await this.issuer[Symbol.asyncDispose]();
  }
}

for (const lane of LANES) {
  Deno.test(
    `G5: a call beyond the rate is answered in words, with the fields, and runs nothing (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, ["--rate", "2/m burst=3"]);
      const alice = await scene.session("alice"); // its initialize is the first
      assert.equal(await alice.calls(), true);
      assert.equal(await alice.calls(), true);
      const refused = await alice.post(call("x", "echo"));
      assert.equal(refused.status, 200);
      assert.equal(refused.headers.get("ratelimit-policy"), '"caller";q=2;w=60');
      assert.equal(refused.headers.get("ratelimit"), '"caller";r=0;t=30');
      assert.equal(refused.headers.get("retry-after"), "30");
      const { id, result } = await refused.json();
      assert.deepEqual([id, result.isError], ["x", true]);
      assert.equal(
        result.content[0].text,
        "Rate limit reached: 2 requests in 60 seconds for one caller, 3 at once are allowed. Wait 30 seconds before trying again.",
      );
      assert.equal(scene.upstream.ran.get("echo"), 2);
      // All else: 429.
      const listed = await alice.post({ jsonrpc: "2.0", id: 5, method: "tools/list" });
      assert.deepEqual([listed.status, listed.headers.get("retry-after"), listed.headers.get("ratelimit")], [
        429,
        "30",
        '"caller";r=0;t=30',
      ]);
      const { error } = await listed.json();
      assert.equal(error.code, 429);
      // What keeps a conversation going is free, and nobody else is affected.
      const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 3 } };
      assert.equal(await status(alice.post(cancelled)), 202);
      const bob = await scene.session("bob");
      assert.equal(await bob.calls(), true);
      // The same caller by another session and token.
      const again = await scene.signet.post(INITIALIZE, { token: await scene.issuer.token("alice") });
      assert.equal(again.status, 429);
      await again.body?.cancel();
      scene.clock.nowMs += 30_000;
      assert.equal(await alice.calls(), true);
      assert.equal(await alice.calls(), false);
      assert.equal(await scene.signet.metric('signet_rate_refusals_total{per="caller"}'), 4);
    },
  );

  Deno.test(`G5: of a hundred calls at once exactly the burst runs (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, ["--rate", "10/m burst=11"]);
    const alice = await scene.session("alice");
    const ran = await Promise.all(Array.from({ length: 100 }, () => alice.calls()));
    assert.equal(ran.filter(Boolean).length, 10);
    assert.equal(scene.upstream.ran.get("echo"), 10);
  });

  Deno.test(
    `G5: rates are shared by whom they say: each tool, each tool of a caller, all (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, [
        ...["--rate", "1/m per=tool tool=search"],
        ...["--rate", "2/m per=caller-tool"],
        ...["--rate", "8/m per=all"],
      ]);
      const [alice, bob] = [await scene.session("alice"), await scene.session("bob")]; // 2 of all
      assert.equal(await alice.calls("search"), true);
      assert.equal(await bob.calls("search"), false); // one for all callers
      assert.deepEqual([await alice.calls("other"), await alice.calls("other"), await alice.calls("other")], [
        true,
        true,
        false,
      ]);
      assert.equal(await bob.calls("other"), true);
      // What was refused has taken nothing: 2 + 1 + 2 + 1 of all so far.
      assert.deepEqual([await bob.calls("other"), await bob.calls("echo"), await alice.calls("echo")], [
        true,
        true,
        false,
      ]);
    },
  );

  Deno.test(`G5: a rule's own rate counts what the rule has allowed (${lane} lane)`, STRICT, async () => {
    const rules = [{ name: "slow", allow: ["search"], rate: "1/m" }, { allow: ["*"] }];
    await using scene = await Scene.start(lane, rules.flatMap((rule) => ["--rules", JSON.stringify(rule)]));
    const [alice, bob] = [await scene.session("alice"), await scene.session("bob")];
    assert.deepEqual([await alice.calls("search"), await alice.calls("search")], [true, false]);
    assert.equal(await bob.calls("search"), true);
    for (let i = 0; i < 5; i++) assert.equal(await alice.calls("other"), true);
    assert.equal(
      scene.signet.logs.some((line) => line.code === "rate_limited" && String(line.limit).startsWith("rule slow")),
      true,
    );
  });

  Deno.test(
    `G5: a batch costs what its calls cost, and one beyond the burst is told that waiting is vain (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, ["--rate", "4/m"]);
      const token = await scene.issuer.token("alice");
      const initialize = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: "2025-03-26" } };
      const id = await scene.signet.open({ token }, initialize);
      const post = (count: number) =>
        scene.signet.post(Array.from({ length: count }, (_, i) => call(i, "echo")), { id, token });
      const many = await post(5);
      assert.deepEqual([many.status, many.headers.get("retry-after")], [429, null]);
      assert.match((await many.json()).error.message, /Send fewer at once: 4 is the most\.$/);
      const three = await post(3);
      assert.notEqual(three.status, 429);
      await three.body?.cancel();
      const one = await post(1);
      assert.equal(one.status, 429);
      await one.body?.cancel();
    },
  );

  Deno.test(
    `G5: a reload keeps what was counted under rates that stay, and begins new ones afresh (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, ["--rate", "2/m"]);
      const alice = await scene.session("alice");
      assert.deepEqual([await alice.calls(), await alice.calls()], [true, false]);
      await scene.signet.app.reload();
      assert.equal(await alice.calls(), false);
      scene.signet.flags = scene.signet.flags.map((flag) => flag === "2/m" ? "3/m" : flag);
      await scene.signet.app.reload();
      assert.deepEqual([await alice.calls(), await alice.calls(), await alice.calls(), await alice.calls()], [
        true,
        true,
        true,
        false,
      ]);
      scene.signet.flags = scene.signet.flags.filter((flag) => flag !== "--rate" && flag !== "3/m");
      await scene.signet.app.reload();
      assert.equal(await alice.calls(), true);
    },
  );

  Deno.test(
    `G5: calls in flight beyond a caller's own are told in words; another caller's run (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, ["--max-in-flight-per-principal", "1"]);
      const [alice, bob] = [await scene.session("alice"), await scene.session("bob")];
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      scene.upstream.tool("slow", async () => {
        entered.resolve();
        await gate.promise;
        return { content: [] };
      });
      const slow = alice.calls("slow");
      await entered.promise;
      const { result } = await (await alice.post(call(2, "echo"))).json();
      assert.equal(result.isError, true);
      assert.equal(result.content[0].text, "Too many calls at once for this caller. Wait 1 s before trying again.");
      assert.equal(await bob.calls(), true);
      gate.resolve();
      assert.equal(await slow, true);
      assert.equal(await alice.calls(), true);
    },
  );
}

Deno.test("G5: a stateless call beyond the rate says what kind of result it is", STRICT, async () => {
  await using scene = await Scene.start("fast", ["--rate", "1/m"]);
  const token = await scene.issuer.token("alice");
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "echo" };
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  };
  const post = () =>
    scene.signet.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", _meta } }, {
      token,
      headers,
    });
  await (await post()).body?.cancel();
  const refused = await (await post()).json();
  assert.deepEqual([refused.result.isError, refused.result.resultType], [true, "complete"]);
});
