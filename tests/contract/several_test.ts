// Several MCP servers behind one session: what is listed, where each request goes, and what outlives a restart.
import assert from "node:assert/strict";
import { FakeMember, messageIn, SeveralSession, startSeveral } from "../support/several.ts";
import { freshRing, LANES } from "../support/signet.ts";

for (const lane of LANES) {
  Deno.test(`A1 A2: tools of all members are listed by url, each under its member's name, and called there (${lane} lane)`, async () => {
    await using a = new FakeMember();
    await using b = new FakeMember();
    b.lists.tools = [{ name: "echo", inputSchema: {} }, {
      name: "sum",
      inputSchema: {},
      _meta: { "x/y": 1 },
      annotations: { readOnlyHint: true },
    }];
    await using signet = await startSeveral({ files: a, github: b }, { lane });
    const session = await SeveralSession.open(signet);
    const expected = [["files", a], ["github", b]] as const;
    const order = [...expected].sort(([, x], [, y]) => x.url < y.url ? -1 : 1);
    const names = order.flatMap(([name, member]) => member.lists.tools!.map((tool) => `${name}_${tool.name}`));
    assert.deepEqual(await session.names(), names);
    const { result } = await session.call("github_echo", { x: 1 });
    assert.deepEqual(result, { echoed: { x: 1 } });
    assert.equal(b.fake.ran.get("echo"), 1);
    assert.equal(a.fake.ran.get("echo"), undefined);
  });

  Deno.test(`A1 L3: after a restart the members' own sessions and the names go on (${lane} lane)`, async () => {
    const ring = freshRing();
    await using a = new FakeMember();
    await using b = new FakeMember();
    const before = await startSeveral({ x: a, xy: b }, { lane, ring });
    const session = await SeveralSession.open(before);
    const names = await session.names();
    await before[Symbol.asyncDispose]();
    await using after = await startSeveral({ x: a, xy: b }, { lane, ring });
    const again = session.at(after);
    const all = await Promise.all([again.names(), again.call("x_echo"), again.call("xy_echo"), again.call("x_echo")]);
    assert.deepEqual(all[0], names);
    for (const member of [a, b]) {
      assert.equal(
        member.fake.received("POST", "initialize").filter(({ body }) => !body.includes("notifications/")).length,
        1,
      );
      assert.equal(member.fake.received("DELETE").length, 0);
    }
  });
}

Deno.test("A1 A2: order, pages and names are the same bytes whatever members answer first, and over a restart", async () => {
  const ring = freshRing();
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using c = new FakeMember();
  const members = { a, b, c };
  for (const [name, member] of Object.entries(members)) {
    member.lists.tools = Array.from({ length: 7 }, (_, i) => ({ name: `${name}${i}`, inputSchema: {}, n: 1.0 }));
    member.pageSize = 3;
  }
  const texts = new Set<string>();
  const before = await startSeveral(members, { ring });
  const session = await SeveralSession.open(before);
  const listAt = async (session: SeveralSession, order: readonly FakeMember[]) => {
    // Each answers its last page only once the one before it in `order` has.
    const done = order.map(() => Promise.withResolvers<void>());
    for (const [i, member] of order.entries()) {
      member.before = async ({ method, params }) => {
        if (method !== "tools/list" || (params as { cursor?: string }).cursor !== "6") return undefined;
        if (i > 0) await done[i - 1]!.promise;
        done[i]!.resolve();
        return undefined;
      };
    }
    texts.add(JSON.stringify((await session.ask("tools/list")).result));
  };
  const orders = [[a, b, c], [c, b, a], [b, a, c], [b, c, a], [a, c, b], [c, a, b]];
  for (const order of orders) await listAt(session, order);
  await before[Symbol.asyncDispose]();
  await using after = await startSeveral({ c, a, b }, { ring });
  for (const order of orders) await listAt(session.at(after), order);
  assert.equal(texts.size, 1);
  assert.equal((await session.at(after).names()).length, 21);
});

Deno.test("S2: a client without sessions has several servers too, discovered, listed and called as one", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "x", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const ask = async (method: string, params: Record<string, unknown>, name?: string) => {
    const headers = {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name ? { "mcp-name": name } : {}),
    };
    const response = await signet.post({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }, { headers });
    return await messageIn(response) as { result: Record<string, unknown>; error?: { code: number } };
  };
  assert.deepEqual((await ask("server/discover", {})).result.supportedVersions, ["2026-07-28"]);
  assert.equal(((await ask("tools/list", {})).result.tools as unknown[]).length, 2);
  assert.deepEqual((await ask("tools/call", { name: "b_echo", arguments: { x: 1 } }, "b_echo")).result.echoed, {
    x: 1,
  });
  assert.equal((await ask("tools/call", { name: "c_echo", arguments: {} }, "c_echo")).error?.code, -32602);
  for (const member of [a, b]) assert.equal(member.fake.sessions.size, 1);
  await signet.app.drain();
  // No id leads back to them: they would be left there.
  for (const member of [a, b]) assert.equal(member.fake.sessions.size, 0);
});

Deno.test("A2: a list that has changed is read anew, and one that has not is the same in every session", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const one = await SeveralSession.open(signet);
  const other = await SeveralSession.open(signet);
  const before = await one.names();
  assert.deepEqual(await one.names(), before);
  assert.deepEqual(await other.names(), before);
  a.lists.tools = [{ name: "ochE", inputSchema: { type: "object" } }];
  for (const session of [one, other]) assert.deepEqual((await session.names()).sort(), ["a_ochE", "b_echo"]);
});
