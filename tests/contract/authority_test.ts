// What let a request in may end while the request lasts: everything under way ends within a second of that, under the
// settings of the moment, however long its caller was believed before (docs/protocol.md 8; docs/behaviour.md I1, I2, L6, T3).
import assert from "node:assert/strict";
import { openRevocations } from "../../lib/session/revocations/revocation_store.ts";
import { openSqliteStore } from "../../lib/store/sqlite/sqlite.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { Issuer, keySetOf } from "../support/issuer.ts";
import { call, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until, within } from "../support/until.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
const LISTEN = {
  jsonrpc: "2.0",
  id: 1,
  method: "subscriptions/listen",
  params: { notifications: { toolsListChanged: true }, _meta: META },
};
const LISTEN_HEADERS = { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" };

/** Ends only if Signet ends it. */
function endless(): Response {
  const body = new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(new TextEncoder().encode(":\n\n")) });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** A server whose streams and whose tool `wait` never end by themselves. */
function patientServer(): FakeMcp {
  const upstream = new FakeMcp();
  upstream.tool("wait", () => endless());
  upstream.onRequest = ({ body }) => body.includes("subscriptions/listen") ? endless() : undefined;
  return upstream;
}

/** Everything a caller can have under way, each answered by a stream; they are read to their end. */
async function beginAll(signet: TestSignet, who: { token: string; headers?: Record<string, string> }) {
  const id = await signet.open(who);
  const responses = await Promise.all([
    signet.get({ ...who, id }),
    signet.post(call(1, "wait"), { ...who, id }),
    signet.post(LISTEN, { ...who, headers: { ...who.headers, ...LISTEN_HEADERS } }),
  ]);
  for (const response of responses) assert.equal(response.status, 200);
  return { id, ended: Promise.all(responses.map((response) => response.text())) };
}

async function agentToken(signet: TestSignet, agent: string): Promise<string> {
  const response = await fetch(`http://${signet.app.admin}/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ agent, ttlMs: 600_000 }),
  });
  return (await response.json()).token;
}

async function revokeToken(signet: TestSignet, token: string): Promise<void> {
  const response = await fetch(`http://${signet.app.admin}/tokens/revoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  await response.body?.cancel();
  assert.equal(response.status, 200);
}

const PAGE = { origin: "https://page.example" };

function withAudience(flags: readonly string[]): string[] {
  return flags.with(flags.indexOf("--jwt-audience") + 1, "https://other.example");
}

/** A Signet in which everything that a caller has under way has been asked about since it began. */
class Rested implements AsyncDisposable {
  nowMs = Math.floor(Date.now() / 1000) * 1000;
  signet!: ReloadableSignet;
  flags: readonly string[] = [];
  ended!: Promise<unknown>;

  static async begin({ upstream, lane, flags }: { upstream: string; lane: Lane; flags: string[] }, issuer: TestIssuer) {
    const scene = new Rested();
    scene.flags = flags;
    const started = await TestSignet.start({
      ...{ upstream, lane, flags: [...flags, "--allow-origin", PAGE.origin] },
      now: () => scene.nowMs,
    });
    const common = started.flags.slice(0, started.flags.length - flags.length - 2);
    scene.signet = Object.assign(started, {
      reload: (flags: readonly string[]) => {
        started.flags = [...common, ...flags];
        return started.app.reload();
      },
    });
    const token = await issuer.token("alice", { expiresInS: 300 });
    scene.ended = (await beginAll(started, { token, headers: PAGE })).ended;
    scene.ended.catch(() => {});
    // Whose credential ends is found in the round in which whoever came before is asked about.
    const last = await issuer.token("bob", { expiresInS: 1 });
    const ending = await started.get({ token: last, id: await started.open({ token: last }) });
    scene.nowMs += 2_000;
    await ending.text();
    return scene;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet[Symbol.asyncDispose]();
  }
}

type ReloadableSignet = TestSignet & { reload(flags: readonly string[]): Promise<unknown> };

for (const lane of LANES) {
  Deno.test(
    `T3: a revoked session token ends what its agent has under way, nobody else's (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      await Deno.writeTextFile(`${folder.path}/secret`, btoa("s".repeat(32)), { mode: 0o600 });
      await using upstream = patientServer();
      const flags = ["--principal", "token", "--token-secret-file", `${folder.path}/secret`];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const [ada, bob] = [await agentToken(signet, "ada"), await agentToken(signet, "bob")];
      const [hers, his] = [await beginAll(signet, { token: ada }), await beginAll(signet, { token: bob })];
      await revokeToken(signet, ada);
      await hers.ended;
      assert.equal(await signet.metric("signet_withdrawn_total"), 3);
      assert.equal(await signet.metric("signet_listening_streams"), 2, "his go on");
      assert.equal(await status(signet.post(call(2, "echo"), { id: his.id, token: bob })), 200);
      await revokeToken(signet, bob);
      await his.ended;
    },
  );

  Deno.test(
    `I2 T3: what was lent by a session token ends with it, for who comes without a credential, too (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      await Deno.writeTextFile(`${folder.path}/secret`, btoa("s".repeat(32)), { mode: 0o600 });
      await using upstream = patientServer();
      const flags = ["--principal", "token", "--token-secret-file", `${folder.path}/secret`, "--session-only"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const [ada, bob] = [await agentToken(signet, "ada"), await agentToken(signet, "bob")];
      const [hers, his] = [await signet.open({ token: ada }), await signet.open({ token: bob })];
      const stream = await signet.get({ id: hers });
      assert.deepEqual([stream.status, await status(signet.post(call(1, "echo"), { id: hers }))], [200, 200]);
      await revokeToken(signet, ada);
      assert.equal(await status(signet.post(call(2, "echo"), { id: hers })), 401);
      await stream.text();
      assert.equal(await status(signet.post(call(3, "echo"), { id: his })), 200);
    },
  );

  Deno.test(
    `E5 I1: a reload that would refuse a caller ends what it has under way (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      await using issuer = await TestIssuer.create();
      const other = await Issuer.create("other");
      const otherKeys = `${folder.path}/jwks.json`;
      await Deno.writeTextFile(otherKeys, keySetOf(other));
      const reloads: [string, string[]][] = [
        ["its key is gone", issuer.flags.with(-1, otherKeys)],
        [
          "another audience is wanted",
          issuer.flags.with(issuer.flags.indexOf("--jwt-audience") + 1, "https://other.example"),
        ],
        ["callers are told apart by another source", ["--principal", "bearer"]],
        ["a scope is wanted that it has not", [...issuer.flags, "--require-scope", "mcp:admin"]],
        ["its page may not call any more", issuer.flags],
      ];
      for (const [what, flags] of reloads) {
        await using upstream = patientServer();
        const origin = ["--allow-origin", "https://page.example"];
        await using signet = await TestSignet.start({
          upstream: upstream.url,
          lane,
          flags: [...issuer.flags, ...origin],
        });
        const common = signet.flags.slice(0, signet.flags.length - issuer.flags.length - origin.length);
        const headers = { origin: "https://page.example" };
        const { ended } = await beginAll(signet, { token: await issuer.token("alice"), headers });
        signet.flags = [...common, ...flags];
        await signet.app.reload();
        await within("the end of all that was under way", ended);
        assert.equal(await signet.metric("signet_withdrawn_total"), 3, what);
      }
    },
  );

  Deno.test(
    `E5 I1: who was asked about already, and is believed for minutes, ends no later for that (${lane} lane)`,
    STRICT,
    async () => {
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--jwt-clock-skew", "0s"];
      const changes: [what: string, change: (scene: Rested) => Promise<unknown> | void, ended: number][] = [
        // A call may be finished.
        ["the credential ends", (scene) => void (scene.nowMs += 320_000), 2],
        ["a scope is wanted", ({ signet, flags }) => signet.reload([...flags, "--require-scope", "mcp:admin"]), 3],
        ["another audience is wanted", ({ signet, flags }) => signet.reload(withAudience(flags)), 3],
        ["another source is asked", ({ signet }) => signet.reload(["--principal", "bearer"]), 3],
        ["its page may not call", ({ signet, flags }) => signet.reload([...flags, "--allow-origin", "https://b.a"]), 3],
      ];
      for (const [what, change, count] of changes) {
        await using upstream = patientServer();
        await using scene = await Rested.begin({ upstream: upstream.url, lane, flags }, issuer);
        assert.equal(await scene.signet.metric("signet_withdrawn_total"), 1, "nobody else's has ended");
        await change(scene);
        await until(
          async () => await scene.signet.metric("signet_withdrawn_total") === 1 + count,
          () => `${what}: ${JSON.stringify(scene.signet.logs.slice(-6))}`,
        );
        scene.nowMs += 90_000;
        await scene.ended;
      }
    },
  );

  Deno.test(`I1: a reload that still takes a caller ends nothing (${lane} lane)`, STRICT, async () => {
    await using upstream = patientServer();
    await using issuer = await TestIssuer.create();
    let nowMs = Date.now();
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      lane,
      flags: issuer.flags,
      now: () => nowMs,
    });
    const token = await issuer.token("alice");
    const { id } = await beginAll(signet, { token });
    await signet.app.reload();
    nowMs += 30_000;
    await until(async () => await signet.metric('signet_map_entries{map="verified"}') === 1, "they were asked about");
    assert.equal(await signet.metric("signet_withdrawn_total"), 0);
    assert.equal(await signet.metric("signet_listening_streams"), 2);
    assert.equal(await status(signet.delete({ id, token })), 204);
  });

  Deno.test(
    `I1: streams end with their credential, a call may be finished for a minute (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = Math.floor(Date.now() / 1000) * 1000;
      await using upstream = patientServer();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--jwt-clock-skew", "0s"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      // By this clock, however long the start took by the machine's.
      const exp = nowMs / 1000 + 60;
      const { ended } = await beginAll(signet, { token: await issuer.token("alice", { claims: { exp } }) });
      nowMs += 90_000;
      await until(async () => await signet.metric("signet_withdrawn_total") === 2, "both streams have ended");
      assert.equal(await signet.metric("signet_listening_streams"), 0);
      nowMs += 30_000;
      await within("the end of the call", ended);
      assert.equal(await signet.metric("signet_withdrawn_total"), 3);
    },
  );

  Deno.test(
    `I1 T2: so it is with session tokens, of which the record stays; a revoked one ends its call (${lane} lane)`,
    STRICT,
    async () => {
      for (const isRevoked of [false, true]) {
        await using folder = await TempFolder.create();
        const secrets = `${folder.path}/secrets`;
        await Deno.writeTextFile(secrets, btoa("s".repeat(32)), { mode: 0o600 });
        let nowMs = Date.now();
        await using upstream = patientServer();
        const flags = ["--principal", "token", "--token-secret-file", secrets];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
        const token = await agentToken(signet, "alice");
        const { ended } = await beginAll(signet, { token });
        nowMs += 630_000;
        await until(async () => await signet.metric("signet_withdrawn_total") >= 2, "both streams have ended");
        assert.equal(await signet.metric("signet_listening_streams"), 0);
        assert.equal(await status(signet.post(call(2, "wait"), { token })), 401, "and nothing else begins");
        // What others are issued, and operators look at, is no reason to end it.
        await agentToken(signet, "bob");
        assert.equal(await status(fetch(`http://${signet.app.admin}/tokens?agent=alice`)), 200);
        nowMs += 2000;
        // Those that ask again do so every tenth of a second.
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.equal(await signet.metric("signet_withdrawn_total"), 2, "the call goes on");
        if (isRevoked) {
          const revoked = await fetch(`http://${signet.app.admin}/tokens/revoke`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ token }),
          });
          assert.deepEqual(await revoked.json(), { revoked: 1 });
          nowMs += 2000;
        } else nowMs += 60_000;
        await within("the end of the call", ended);
        assert.equal(await signet.metric("signet_withdrawn_total"), 3);
      }
    },
  );

  Deno.test(`I2: a stream ends with the cached identity that let it in (${lane} lane)`, STRICT, async () => {
    let nowMs = Date.now();
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const flags = [...issuer.flags, "--session-only", "--identity-ttl", "60s"];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
    const id = await signet.open({ token: await issuer.token("alice", { expiresInS: 3600 }) });
    const stream = await signet.get({ id });
    assert.equal(stream.status, 200);
    nowMs += 60_000;
    assert.equal(await stream.text(), "");
    assert.equal(await status(signet.get({ id })), 401);
  });

  Deno.test(`L6: who is revoked up to now keeps no stateless stream from before (${lane} lane)`, STRICT, async () => {
    await using folder = await TempFolder.create();
    await using upstream = patientServer();
    await using issuer = await TestIssuer.create();
    const flags = [...issuer.flags, "--state", `${folder.path}/state`];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const listening = await signet.post(LISTEN, { token: await issuer.token("alice"), headers: LISTEN_HEADERS });
    assert.equal(listening.status, 200);
    const store = openSqliteStore(`${folder.path}/state`);
    const revocations = await openRevocations({ store, maxSessionTtlMs: 86_400_000 });
    await revocations.revokeBefore(Date.now());
    await store.close();
    await listening.text();
  });

  Deno.test(`I1: over stdio, too, a listening stream ends with its credential (${lane} lane)`, STRICT, async () => {
    let nowMs = Math.floor(Date.now() / 1000) * 1000;
    await using issuer = await TestIssuer.create();
    const flags = [...issuer.flags, "--jwt-clock-skew", "0s"];
    const { command, args } = fixture();
    await using signet = await TestSignet.start({ upstream: [command, ...args], lane, flags, now: () => nowMs });
    const token = await issuer.token("alice", { expiresInS: 60 });
    const id = await signet.open({ token });
    const stream = await signet.get({ id, token });
    assert.equal(stream.status, 200);
    nowMs += 90_000;
    await stream.text();
    assert.equal(await signet.metric("signet_withdrawn_total"), 1);
  });
}
