// Attacks by way of the stateless era: it is no way around sessions, their owners or their limits (L1, O1, O3, M1;
// docs/protocol.md 26, 38).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const VERSION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientCapabilities": {},
};

function modern(method: string, params: Record<string, unknown> = {}, id: number | undefined = 1) {
  return { jsonrpc: "2.0", ...(id === undefined ? {} : { id }), method, params: { ...params, _meta: META } };
}

function headers(method: string, name?: string): Record<string, string> {
  return { "mcp-protocol-version": VERSION, "mcp-method": method, ...(name === undefined ? {} : { "mcp-name": name }) };
}

for (const lane of LANES) {
  Deno.test(
    `L1 M2: initialize in a stateless envelope leaves no session behind that nobody counts (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--max-sessions", "1"] });
      const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "m", version: "1" } };
      for (let n = 0; n < 5; n++) {
        const response = await signet.post(modern("initialize", params), { headers: headers("initialize") });
        assert.equal(response.headers.get("mcp-session-id"), null);
        await response.body?.cancel();
      }
      await until(() => upstream.sessions.size === 0, "what a legacy server opened is ended");
    },
  );

  Deno.test(
    `O1 O3: a stateless body or version gives nobody another's session (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
      const id = await signet.open({ token: await issuer.token("alice") });
      const token = await issuer.token("bob");
      const before = upstream.requests.length;
      const version = { "mcp-protocol-version": VERSION };
      const named = headers("tools/call", "echo");
      const attacks: [string, Promise<Response>, number][] = [
        ["a stateless call", signet.post(modern("tools/call", { name: "echo" }), { id, token, headers: named }), 403],
        ["a legacy call under the version", signet.post(call(1, "echo"), { id, token, headers: version }), 403],
        ["a stream under the version", signet.get({ id, token, headers: version }), 403],
        ["DELETE under the version", signet.delete({ id, token, headers: version }), 403],
        [
          "a response under the version",
          signet.post({ jsonrpc: "2.0", id: 1, result: {} }, { id, token, headers: version }),
          403,
        ],
        ["a batch under the version", signet.post([call(1, "echo")], { id, token, headers: version }), 403],
        [
          "a cancellation under the version",
          signet.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }, {
            id,
            token,
            headers: version,
          }),
          202,
        ],
        [
          "a cancellation in an envelope",
          signet.post(
            { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1, _meta: META } },
            { id, token, headers: version },
          ),
          202,
        ],
      ];
      for (const [what, attack, wanted] of attacks) assert.equal(await status(attack), wanted, what);
      assert.equal(upstream.requests.length, before, "something reached the upstream");
    },
  );

  Deno.test(
    `M1 PROTOCOL 38: probes are bounded too, and one too many waits for its place (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const release = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (request.body.includes("server/discover")) await release.promise;
        return undefined;
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--max-in-flight", "2"] });
      const probes = Array.from(
        { length: 20 },
        () => status(signet.post(modern("server/discover"), { headers: headers("server/discover") })),
      );
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 2, "two have their places");
      assert.ok(upstream.requests.length <= 2);
      release.resolve();
      assert.deepEqual([...new Set(await Promise.all(probes))], [200]);
      assert.equal(await signet.metric('signet_in_use{limit="requests"}'), 0);
    },
  );
}

Deno.test("M1 PROTOCOL 38: a probe for which no place is free for long is 429, and no 5xx", STRICT, async () => {
  await using upstream = new FakeMcp();
  const release = Promise.withResolvers<void>();
  upstream.onRequest = async () => void await release.promise;
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--max-in-flight", "1"] });
  const holding = status(signet.post(modern("tools/call", { name: "x" }), { headers: headers("tools/call", "x") }));
  await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 1, "the only place is taken");
  const probe = status(signet.post(modern("server/discover"), { headers: headers("server/discover") }));
  assert.equal(await probe, 429);
  release.resolve();
  await holding;
});
