// An initialize that could never be sealed is refused before anybody is asked: one large message must not cost a session
// upstream, a place in the limits or everybody's time (E3, M6).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";

function initialize(params: Record<string, unknown>): Record<string, unknown> {
  return { ...INITIALIZE, params: { ...INITIALIZE.params, ...params } };
}

const MEMBERS = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]));
const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

/** What is too much, and the words of the refusal that name the bound. */
const EXCESSIVE: [string, Record<string, unknown>, RegExp][] = [
  ["3.5 MB of client info", { clientInfo: { name: "x".repeat(3_500_000), version: "1" } }, /clientInfo.* 65536 bytes/],
  ["3.5 MB of pictures", { clientInfo: { name: "x", icons: ["x".repeat(3_500_000)] } }, /clientInfo.* 65536 bytes/],
  ["3.5 MB of capabilities", { capabilities: { a: "x".repeat(3_500_000) } }, /capabilities.* 16384 bytes/],
  ["3.5 MB of something else", { other: "x".repeat(3_500_000) }, /262144 is the most/],
  ["a long version", { protocolVersion: "x".repeat(100_000) }, /protocolVersion.* 1024 bytes/],
  ["client info that no id holds", { clientInfo: { name: "x".repeat(4000), version: "1" } }, /4096 is the most/],
  ["capabilities that no id holds", { capabilities: { a: "x".repeat(4000) } }, /4096 is the most/],
  ["capabilities of many members", { capabilities: { experimental: { ...MEMBERS } } }, /capabilities.*bytes/],
  ["client info of many members", { clientInfo: { name: "x", ...MEMBERS } }, /4096 is the most|65536 bytes/],
  ["deep capabilities", { capabilities: { a: nested(90) } }, /nested/],
];

for (const lane of LANES) {
  Deno.test(
    `E3 M6: an initialize that no id could hold asks nothing of the server (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      for (const [what, params, words] of EXCESSIVE) {
        const response = await signet.post(initialize(params));
        const { error } = await response.json();
        assert.equal(response.status, 400, what);
        assert.match(error.message, words, what);
      }
      assert.equal(upstream.requests.length, 0);
      assert.equal(await signet.metric("signet_sessions"), 0);
    },
  );

  Deno.test(`E3: an initialize is sealed with all its decoration left out (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const icons = [{ src: `data:image/png;base64,${"A".repeat(40_000)}` }];
    const clientInfo = { name: "x".repeat(1500), version: "1", description: "y".repeat(9000), icons };
    const id = await signet.open({}, initialize({ clientInfo }));
    assert.equal(upstream.received("POST", "initialize")[0]!.body.includes("AAAA"), true, "it crossed untouched");
    assert.equal(await status(signet.delete({ id })), 204);
  });

  Deno.test(
    `M6: headers longer than a session has remembered in memory are refused before anybody is asked (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const flags = ["--transient-header", "x-tenant", "--transient-header", "x-trace"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const long = { headers: { "x-tenant": "x".repeat(5_000), "x-trace": "x".repeat(5_000) } };
      const refused = await signet.post(INITIALIZE, long);
      assert.equal(refused.status, 400);
      assert.match((await refused.json()).error.message, /8192 is the most/);
      assert.equal(upstream.requests.length, 0);
      const id = await signet.open({ headers: { "x-tenant": "x".repeat(8_000) } });
      const asked = upstream.requests.length;
      assert.equal(await status(signet.post(INITIALIZE, { ...long, id })), 400, "nor may it be replaced by more");
      assert.equal(upstream.requests.length, asked);
    },
  );
}

Deno.test("E3 B1: an initialize that no id could hold starts no process", STRICT, async () => {
  const { command, args = [] } = fixture();
  await using signet = await TestSignet.start({ upstream: [command, ...args] });
  for (const [what, params] of EXCESSIVE) assert.equal(await status(signet.post(initialize(params))), 400, what);
  assert.equal(await signet.metric("signet_stdio_processes"), 0);
});
