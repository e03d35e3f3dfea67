// V3: what a running Signet tells of itself at a glance on its admin listener, and to whom.
import assert from "node:assert/strict";
import type { StateAnswer } from "../../lib/admin/state_view.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const TOKEN = "hunter2hunter2hunter2hunter2hunter2";

async function stateOf(signet: TestSignet, headers: Record<string, string> = {}): Promise<StateAnswer> {
  const response = await fetch(`http://${signet.app.admin}/state`, { headers });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  return await response.json();
}

for (const lane of LANES) {
  Deno.test(`V3: the state counts requests, sessions and refusals (${lane} lane)`, STRICT, async () => {
    await using mcp = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: mcp.url, lane });
    const id = await signet.open();
    assert.equal(await status(signet.post(call(1, "echo", { text: "a" }), { id })), 200);
    assert.equal(await status(signet.post(call(2, "echo"), { id: "forged" })), 404);
    const state = await stateOf(signet);
    assert.equal(state.ready, true);
    assert.equal(state.requests.fast > 0, lane === "fast");
    assert.deepEqual([state.sessions.opened, state.use.sessions!.used], [1, 1]);
    assert.deepEqual(state.refusals, { session_not_found: 1 });
    assert.ok(state.latency.counts.reduce((a, b) => a + b) > 0);
    assert.deepEqual([state.access, state.wantsToken], ["local", false]);
    assert.equal(state.upstream.servers[0]!.address, mcp.url);
  });
}

Deno.test(
  "V3: where there is a token, only who shows it sees servers' addresses and callers' names",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    const file = `${folder.path}/admin`;
    await Deno.writeTextFile(file, TOKEN, { mode: 0o600 });
    await using mcp = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: mcp.url, flags: ["--admin-token-file", file] });
    await signet.open();
    const anyone = await stateOf(signet);
    assert.deepEqual([anyone.access, anyone.wantsToken], ["anyone", true]);
    assert.ok(!JSON.stringify(anyone).includes(new URL(mcp.url).host));
    const headers = { authorization: `Bearer ${TOKEN}` };
    const operator = await stateOf(signet, headers);
    assert.deepEqual([operator.access, operator.wantsToken], ["operator", false]);
    assert.equal(operator.upstream.servers[0]!.address, mcp.url);
    const sessions = await (await fetch(`http://${signet.app.admin}/sessions`, { headers })).json();
    assert.deepEqual(sessions.sessions[0].caller, { issuer: "signet:anonymous", subject: "anonymous" });
    assert.equal(await status(fetch(`http://${signet.app.admin}/sessions`)), 401);
  },
);

Deno.test("V3: pages of other origins are told nothing", STRICT, async () => {
  await using mcp = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: mcp.url });
  for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }]) {
    assert.equal(
      await status(fetch(`http://${signet.app.admin}/state`, { headers: { ...headers } as Record<string, string> })),
      403,
    );
  }
  assert.equal(await status(fetch(`http://${signet.app.admin}/state`, { method: "POST", body: "{}" })), 405);
});

/** The status of a GET that names a host of its own. */
async function statusAs(signet: TestSignet, host: string, target: string): Promise<number> {
  const { port } = new URL(`http://${signet.app.admin}`);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const head = `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const answer = await new Response(connection.readable).text();
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

Deno.test(
  "V3: beyond loopback page and API answer to names that are known, probes and metrics to any",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    const file = `${folder.path}/admin`;
    await Deno.writeTextFile(file, TOKEN, { mode: 0o600 });
    await using mcp = new FakeMcp();
    const flags = ["--admin-token-file", file, "--admin-allow-host", "signet.internal"];
    await using signet = await TestSignet.start({ upstream: mcp.url, admin: "0.0.0.0:0", flags });
    for (const host of ["rebound.example", "signet.internal.rebound.example"]) {
      for (const target of ["/", "/page/page.js", "/state", "/sessions", "/log", "/explain?name=key"]) {
        assert.equal(await statusAs(signet, host, target), 403, `${host} ${target}`);
      }
      for (const target of ["/healthz", "/readyz", "/metrics"]) assert.equal(await statusAs(signet, host, target), 200);
    }
    for (const host of ["signet.internal", "10.1.2.3:9090", "localhost"]) {
      assert.equal(await statusAs(signet, host, "/"), 200, host);
      assert.equal(await statusAs(signet, host, "/state"), 200, host);
      assert.equal(await statusAs(signet, host, "/sessions"), 401, host);
    }
  },
);

Deno.test("V3 P2: the state says that a Signet drains from the moment it is not ready", STRICT, async () => {
  await using mcp = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: mcp.url, flags: ["--drain-delay", "2s"] });
  assert.deepEqual([(await stateOf(signet)).ready, (await stateOf(signet)).draining], [true, false]);
  const drained = signet.app.drain();
  const { ready, draining } = await stateOf(signet);
  assert.deepEqual([ready, draining], [false, true]);
  await drained;
});
