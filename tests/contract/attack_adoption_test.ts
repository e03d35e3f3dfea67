// Attacks on adoption: a claim that is refused on its way must not stay open, and an owner is the same one everywhere.
import assert from "node:assert/strict";
import { openRevocations } from "../../lib/session/revocations/revocation_store.ts";
import { openSqliteStore } from "../../lib/store/sqlite/sqlite.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** A session that somebody opened at the upstream before Signet stood in front of it. */
function liveId(upstream: FakeMcp): string {
  const id = crypto.randomUUID();
  upstream.sessions.add(id);
  return id;
}

for (const lane of LANES) {
  Deno.test(
    `O5 M1: a claim refused before it reaches the upstream keeps the id from nobody (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--adopt", "--max-streams", "1"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const [mallory, alice] = [await issuer.token("mallory"), await issuer.token("alice")];
      const holder = liveId(upstream);
      const stream = await signet.get({ id: holder, token: alice });
      assert.equal(stream.status, 200);
      const refusals: [string, (id: string) => Promise<Response>, number][] = [
        [
          "a bad version",
          (id) => signet.post(call(1, "echo"), { id, token: mallory, headers: { "mcp-protocol-version": "1999" } }),
          400,
        ],
        [
          "a bad version on a stream",
          (id) => signet.get({ id, token: mallory, headers: { "mcp-protocol-version": "1999" } }),
          400,
        ],
        ["no room for a stream", (id) => signet.get({ id, token: mallory }), 503],
      ];
      for (const [what, attack, wanted] of refusals) {
        const id = liveId(upstream);
        assert.equal(await status(attack(id)), wanted, what);
        assert.equal(await status(signet.post(call(1, "echo"), { id, token: alice })), 200, `after ${what}`);
      }
      assert.equal(await signet.metric('signet_map_entries{map="adopting"}'), 0);
      await stream.body?.cancel();
    },
  );
}

Deno.test(
  "O5: with --bind-client-id an adopted session is its client's alone, in memory or not",
  STRICT,
  async () => {
    let nowMs = Date.now();
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const flags = [
      ...issuer.flags,
      "--adopt",
      "--bind-client-id",
      "--session-idle",
      "60s",
      "--sweep-interval",
      "100ms",
    ];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags, now: () => nowMs });
    const id = liveId(upstream);
    const ide = await issuer.token("alice", { clientId: "ide", expiresInS: 3600 });
    const cli = await issuer.token("alice", { clientId: "cli", expiresInS: 3600 });
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: ide })), 200);
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: cli })), 403);
    nowMs += 61_000;
    await until(async () => await signet.metric("signet_sessions") === 0, "the session has left memory");
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: cli })), 403);
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: ide })), 200);
  },
);

Deno.test(
  "L6 O5: a revoked session that was adopted stays dead, for its owner and for others",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
    const flags = [...issuer.flags, "--adopt", "--state", `${folder.path}/state`];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags });
    const id = liveId(upstream);
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: alice })), 200);
    await revokeAll(folder.path);
    await until(async () => await signet.metric("signet_sessions") === 0, "the revocation is in force");
    assert.equal(await status(signet.post(call(2, "echo"), { id, token: alice })), 404);
    assert.equal(await status(signet.post(call(3, "echo"), { id, token: bob })), 403);
    assert.equal(upstream.ran.get("echo"), 1);
    const young = liveId(upstream);
    assert.equal(await status(signet.post(call(4, "echo"), { id: young, token: bob })), 200);
  },
);

Deno.test(
  "L8 O5: an adopted session ends with its lifetime, and asking again gives it no second one",
  STRICT,
  async () => {
    let nowMs = Date.now();
    await using upstream = new FakeMcp();
    const flags = ["--adopt", "--session-ttl", "60s"];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags, now: () => nowMs });
    const id = liveId(upstream);
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    nowMs += 59_999;
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
    nowMs += 1;
    for (const n of [3, 4]) assert.equal(await status(signet.post(call(n, "echo"), { id })), 404);
    assert.equal(upstream.ran.get("echo"), 2);
  },
);

for (const lane of LANES) {
  Deno.test(`O5 P2: a reload without --adopt ends what was adopted (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--adopt"] });
    const [id, own] = [liveId(upstream), await signet.open()];
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    signet.flags = signet.flags.filter((flag) => flag !== "--adopt");
    await signet.app.reload();
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 404);
    assert.equal(await status(signet.post(call(3, "echo"), { id: own })), 200);
  });
}

for (const lane of LANES) {
  Deno.test(
    `O5 M1 L6: one session a raw id from the first claim on: its streams are capped, and a revocation ends them (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      await using upstream = new FakeMcp();
      const answers = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (request.method === "GET") await answers.promise;
        return undefined;
      };
      const flags = ["--adopt", "--max-streams-per-session", "5", "--state", `${folder.path}/state`];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = liveId(upstream);
      const asked = Array.from({ length: 20 }, () => signet.get({ id }));
      await until(() => upstream.requests.length === 5, "five streams have reached the server");
      answers.resolve();
      const responses = await Promise.all(asked);
      const open = responses.filter((response) => response.status === 200);
      assert.deepEqual([open.length, responses.length - open.length], [5, 15]);
      for (const response of responses) if (response.status !== 200) await response.body?.cancel();
      assert.equal(await signet.metric("signet_sessions"), 1);
      await revokeAll(folder.path);
      for (const response of open) await response.text();
      assert.equal(await signet.metric("signet_sessions"), 0);
      assert.equal(await status(signet.get({ id })), 404);
    },
  );

  Deno.test(
    `M2 O5: without a place for its session a raw id is refused, not forwarded (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--adopt", "--max-sessions", "1"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
      const [taken, late] = [liveId(upstream), liveId(upstream)];
      const stream = await signet.get({ id: taken, token: alice });
      const before = upstream.requests.length;
      for (
        const ask of [signet.post(call(1, "echo"), { id: late, token: bob }), signet.get({ id: late, token: bob })]
      ) {
        assert.equal(await status(ask), 503);
      }
      assert.equal(upstream.requests.length, before);
      await stream.body?.cancel();
    },
  );

  Deno.test(
    `L6 O5: what is revoked before the upstream has answered for it stays dead (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      await using upstream = new FakeMcp();
      const gate = Promise.withResolvers<void>();
      upstream.tool("wait", async () => (await gate.promise, {}));
      const flags = ["--adopt", "--state", `${folder.path}/state`];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = liveId(upstream);
      const waiting = status(signet.post(call(1, "wait"), { id }));
      await until(() => upstream.ran.get("wait") === 1, "the call runs");
      await revokeAll(folder.path);
      assert.equal(await waiting, 404);
      gate.resolve();
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 404);
      assert.equal(upstream.ran.get("echo"), undefined);
    },
  );

  Deno.test(
    `O5: a request refused by the server does not end another of the same claim (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const gate = Promise.withResolvers<void>();
      upstream.tool("wait", async () => (await gate.promise, {}));
      upstream.onRequest = ({ method }) => method === "GET" ? new Response(null, { status: 405 }) : undefined;
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--adopt"] });
      const id = liveId(upstream);
      const waiting = status(signet.post(call(1, "wait"), { id }));
      await until(() => upstream.ran.get("wait") === 1, "the call runs");
      assert.equal(await status(signet.get({ id })), 405);
      gate.resolve();
      assert.equal(await waiting, 200);
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
      assert.equal(await signet.metric('signet_adoptions_total{event="claimed"}'), 1);
    },
  );
}

/** As an operator does it in another process. */
async function revokeAll(folder: string): Promise<void> {
  const store = openSqliteStore(`${folder}/state`);
  const revocations = await openRevocations({ store, maxSessionTtlMs: 86_400_000 });
  await revocations.revokeBefore(Date.now());
  await store.close();
}
