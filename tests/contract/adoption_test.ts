// Ids Signet never issued, under --adopt: trust on first use, and nothing that may have been ours (docs/behaviour.md
// O5).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

/** Opens a session at the upstream itself, as before the roll-out. */
async function openDirectly(upstream: FakeMcp): Promise<string> {
  const response = await fetch(upstream.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify(INITIALIZE),
  });
  await response.body?.cancel();
  return response.headers.get("mcp-session-id")!;
}

for (const lane of LANES) {
  Deno.test(
    `O5: the first caller of a raw id owns it, others get 403, and DELETE forgets (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const id = await openDirectly(upstream);
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [...issuer.flags, "--adopt"],
      });
      const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 401);
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: alice })), 200);
      assert.equal(await status(signet.post(call(2, "echo"), { id, token: bob })), 403);
      assert.equal(await status(signet.get({ id, token: bob })), 403);
      assert.equal(await status(signet.delete({ id, token: bob })), 403);
      const stream = await signet.get({ id, token: alice });
      await stream.body?.cancel();
      assert.equal(
        await status(signet.post(call(3, "echo"), { id, token: bob })),
        403,
        "closing a stream keeps the claim",
      );
      assert.equal(await status(signet.delete({ id, token: alice })), 204);
      assert.equal(upstream.sessions.size, 0);
      upstream.sessions.add(id);
      assert.equal(await status(signet.post(call(4, "echo"), { id, token: bob })), 200);
      assert.equal(await signet.metric('signet_adoptions_total{event="claimed"}'), 2);
      assert.equal(signet.logs.filter((line) => line.event === "session adopted").length, 2);
      assert.equal(JSON.stringify(signet.logs).includes(id), false);
    },
  );

  Deno.test(`O5: an id the upstream does not know is claimed by nobody (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: [...issuer.flags, "--adopt"] });
    const id = "made-up-session-id";
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: await issuer.token("mallory") })), 404);
    upstream.sessions.add(id);
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: await issuer.token("alice") })), 200);
    assert.equal(upstream.received("POST", "initialize").length, 0, "an adopted session cannot be resurrected");
  });

  Deno.test(
    `O5: what may have been ours is never adopted: forged, expired, deleted, another ring's (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = 1_800_000_000_000;
      await using upstream = new FakeMcp();
      const flags = ["--adopt", "--session-ttl", "60s"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      await using other = await TestSignet.start({ upstream: upstream.url });
      const [expired, deleted, foreign] = [await signet.open(), await signet.open(), await other.open()];
      await status(signet.delete({ id: deleted }));
      const forged = deleted.slice(0, -2) + (deleted.endsWith("00") ? "11" : "00");
      const before = upstream.received("POST", "tools/call").length;
      nowMs += 60_000;
      for (const id of [expired, deleted, foreign, forged]) {
        assert.equal(await status(signet.post(call(1, "echo"), { id })), 404);
      }
      assert.equal(upstream.received("POST", "tools/call").length, before);
    },
  );

  Deno.test(
    `O1 O5: the raw id inside a live sealed session cannot be adopted around its owner (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [...issuer.flags, "--adopt"],
      });
      await signet.open({ token: await issuer.token("alice") });
      const raw = [...upstream.sessions][0]!;
      assert.equal(await status(signet.post(call(1, "echo"), { id: raw, token: await issuer.token("bob") })), 404);
    },
  );
}

Deno.test("O5: of many callers at once exactly one gets the id", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using issuer = await TestIssuer.create();
  const id = await openDirectly(upstream);
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: [...issuer.flags, "--adopt"] });
  const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => issuer.token(`user-${n}`)));
  const statuses = await Promise.all(tokens.map((token, n) => status(signet.post(call(n, "echo"), { id, token }))));
  assert.deepEqual(statuses.sort(), [200, ...Array(19).fill(403)]);
});

Deno.test("O5: without --adopt a raw id is 404 and reaches nobody", STRICT, async () => {
  await using upstream = new FakeMcp();
  const id = await openDirectly(upstream);
  await using signet = await TestSignet.start({ upstream: upstream.url });
  assert.equal(await status(signet.post(call(1, "echo"), { id })), 404);
  assert.equal(upstream.received("POST", "tools/call").length, 0);
});
