// Several MCP servers behind one session: what is listed, where each request goes, and what outlives a restart.
import assert from "node:assert/strict";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
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
