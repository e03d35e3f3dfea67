// Revocation that holds, and Signet's own tokens, over a running gateway (docs/behaviour.md L6, T1–T3; issue "Who is
// calling").
import assert from "node:assert/strict";
import { openSession } from "../../lib/envelope/session_id.ts";
import { shortHash } from "../../lib/observe/redact.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ISSUER } from "../support/issuer.ts";
import { call, freshRing, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

async function admin(signet: TestSignet, path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://${signet.app.admin}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

async function revoke(signet: TestSignet, request: unknown): Promise<number> {
  const { status, body } = await admin(signet, "/sessions/revoke", request);
  assert.equal(status, 200, JSON.stringify(body));
  return (body as { ended: number }).ended;
}

function hashOf(signet: TestSignet, id: string): string {
  const opened = openSession(signet.ring, id);
  assert.equal(opened.ok, true);
  return opened.ok ? shortHash(opened.session.sid) : "";
}

const WAYS: [string, (signet: TestSignet, id: string) => unknown][] = [
  ["its id", (_signet, id) => ({ kind: "session", id })],
  ["its hash", (signet, id) => ({ kind: "hash", hash: hashOf(signet, id) })],
  ["its owner", () => ({ kind: "principal", issuer: ISSUER, subject: "alice" })],
  ["everything so far", () => ({ kind: "all" })],
];

for (const lane of LANES) {
  for (const [what, requestOf] of WAYS) {
    Deno.test(
      `L6: revoking by ${what} cuts what is in flight, and the id stays dead (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        await using issuer = await TestIssuer.create();
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
        const token = await issuer.token("alice");
        const id = await signet.open({ token });
        const stream = await signet.get({ id, token });
        assert.equal(await revoke(signet, requestOf(signet, id)), 1);
        assert.equal(await stream.text(), "", "the stream ends at once, and properly");
        assert.equal(await status(signet.post(call(1, "echo"), { id, token })), 404);
        assert.equal(await status(signet.get({ id, token })), 404);
        assert.equal(await status(signet.delete({ id, token })), 404);
        assert.equal(await status(signet.post(INITIALIZE, { token })), 200, "the caller may begin anew");
        assert.equal(JSON.stringify(signet.logs).includes(id), false);
      },
    );
  }

  Deno.test(`L6: revoking one owner leaves the others alone (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
    const [alices, bobs] = [await signet.open({ token: alice }), await signet.open({ token: bob })];
    assert.equal(await revoke(signet, { kind: "principal", issuer: ISSUER, subject: "alice" }), 1);
    assert.equal(await status(signet.post(call(1, "echo"), { id: alices, token: alice })), 404);
    assert.equal(await status(signet.post(call(1, "echo"), { id: bobs, token: bob })), 200);
  });

  Deno.test(
    `L6: a session on its way through initialize does not slip past a revocation of its owner (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
      const token = await issuer.token("alice");
      const arrived = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (request.method !== "POST") return undefined;
        arrived.resolve();
        await release.promise;
        return undefined;
      };
      const opening = signet.post(INITIALIZE, { token });
      await arrived.promise;
      await revoke(signet, { kind: "principal", issuer: ISSUER, subject: "alice" });
      release.resolve();
      const response = await opening;
      assert.deepEqual([response.status, response.headers.get("mcp-session-id")], [404, null]);
      await response.body?.cancel();
      await until(() => upstream.sessions.size === 0, "the session opened upstream is ended again");
      assert.equal(await signet.metric('signet_in_use{limit="sessions"}'), 0);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `L6: with a state file, deleted and revoked ids stay dead after a restart (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const file = `${folder.path}/state.db`;
      await using upstream = new FakeMcp();
      const ring = freshRing();
      const flags = ["--state", file];
      let ids: string[];
      {
        await using first = await TestSignet.start({ lane, upstream: upstream.url, ring, flags });
        ids = [await first.open(), await first.open(), await first.open()];
        assert.equal(await status(first.delete({ id: ids[0] })), 204);
        assert.equal(await revoke(first, { kind: "session", id: ids[1] }), 1);
      }
      await using second = await TestSignet.start({ lane, upstream: upstream.url, ring, flags });
      const statuses = await Promise.all(ids.map((id) => status(second.post(call(1, "echo"), { id }))));
      assert.deepEqual(statuses, [404, 404, 200]);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `L6: two Signets on one state file: what one revokes ends the other's open stream and kills the id there (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const file = `${folder.path}/state.db`;
      await using upstream = new FakeMcp();
      const ring = freshRing();
      const flags = ["--state", file];
      await using one = await TestSignet.start({ lane, upstream: upstream.url, ring, flags });
      await using other = await TestSignet.start({ lane, upstream: upstream.url, ring, flags });
      const id = await one.open();
      const stream = await other.get({ id });
      assert.equal(stream.status, 200);
      await revoke(one, { kind: "session", id });
      assert.equal(await stream.text(), "");
      assert.equal(await status(other.post(call(1, "echo"), { id })), 404);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `L6: without a state file a restart forgets who was deleted: the documented limit (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp({ stateless: true });
      const ring = freshRing();
      await using first = await TestSignet.start({ lane, upstream: upstream.url, ring });
      const id = await first.open();
      assert.equal(await status(first.delete({ id })), 204);
      await using second = await TestSignet.start({ lane, upstream: upstream.url, ring });
      assert.equal(await status(second.post(call(1, "echo"), { id })), 200);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `T1 T2 T3: an agent with a session token is that agent; a revoked token is 401 on the next request (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const file = `${folder.path}/state.db`;
      const secretFile = `${file}.secret`;
      await Deno.writeTextFile(secretFile, btoa(crypto.randomUUID() + crypto.randomUUID()) + "\n", { mode: 0o600 });
      await using upstream = new FakeMcp();
      const flags = [
        "--principal",
        "token",
        "--token-secret-file",
        secretFile,
        "--state",
        file,
        "--max-tokens-per-agent",
        "2",
      ];
      await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags });
      const issue = (agent: string) => admin(signet, "/tokens", { agent, ttlMs: 60_000 });
      const first = await issue("did:example:a");
      const { token, sid } = first.body as { token: string; sid: string };
      const other = (await issue("did:example:b")).body as { token: string };
      const id = await signet.open({ token });
      assert.equal(await status(signet.post(call(1, "echo"), { id, token })), 200);
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: other.token })), 403);
      const again = (await issue("did:example:a")).body as { token: string };
      assert.equal(
        await status(signet.post(call(1, "echo"), { id, token: again.token })),
        200,
        "another token, the same agent",
      );
      assert.equal((await issue("did:example:a")).status >= 400, true, "at the limit of the agent");
      assert.deepEqual(await admin(signet, "/tokens/revoke", { sid }), { status: 200, body: { revoked: 1 } });
      assert.equal(await status(signet.post(call(2, "echo"), { id, token })), 401);
      assert.equal(await status(signet.post(call(2, "echo"), { id, token: again.token })), 200);
      const forged = token.slice(0, -2) + (token.endsWith("AA") ? "BB" : "AA");
      assert.equal(await status(signet.post(call(3, "echo"), { id, token: forged })), 401);
      assert.equal(JSON.stringify(signet.logs).includes(token), false);
    },
  );
}

Deno.test("P1: a web page cannot use the operators' API, and a body that is not JSON is refused", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open();
  const url = `http://${signet.app.admin}/sessions/revoke`;
  const body = JSON.stringify({ kind: "all" });
  const json = { "content-type": "application/json" };
  for (const headers of [{ ...json, origin: "http://localhost" }, { "content-type": "text/plain" }, {}]) {
    assert.equal(await status(fetch(url, { method: "POST", headers, body })) >= 400, true, JSON.stringify(headers));
  }
  assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
});
