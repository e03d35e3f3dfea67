// Session tokens as operators handle them: the real program on both sides, by way of a running Signet and of its state file.
import assert from "node:assert/strict";
import { Scene } from "../support/operators_scene.ts";
import { STRICT } from "../support/strict.ts";

Deno.test("T1 T2 T3: a token is issued, lets its agent in, and is worth nothing once revoked", STRICT, async () => {
  await using scene = await Scene.start();
  const token = await scene.issue("did:example:a");
  const other = await scene.issue("did:example:b");
  const held = await scene.open(token);
  assert.equal((await scene.call(held)).status, 200);
  assert.equal((await scene.call({ ...held, token: other })).status, 403, "another agent's");
  const verified = await scene.ok(["token", "verify", "-", ...scene.admin], `${token}\n`);
  assert.equal(verified.json<{ token: { agent: string } }>()[0]?.token.agent, "did:example:a");

  assert.deepEqual((await scene.ok(["token", "revoke", "-", ...scene.admin], token)).json(), [{ revoked: 1 }]);

  const refused = await scene.call(held);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"/);
  const verdict = await scene.run(["token", "verify", "-", ...scene.admin], token);
  assert.deepEqual([verdict.code, verdict.json()], [1, [{ ok: false, step: "unknown" }]]);
  const listed = (await scene.ok(["token", "list", ...scene.admin])).json<{ agent: string }>();
  assert.deepEqual(listed.map(({ agent }) => agent), ["did:example:b"]);
  for (const secret of [token, other, held.id]) assert.ok(!scene.signet.logs.join("\n").includes(secret));
});

Deno.test("T1 T2 T3: tokens are handled on the state file while a Signet runs on it", STRICT, async () => {
  await using scene = await Scene.start();
  const issue = ["token", "issue", "--ttl", "10m", ...scene.state, ...scene.secrets];
  const token = (await scene.ok([...issue, "--agent", "a"])).out.trim();
  const held = await scene.open(token);
  assert.equal((await scene.call(held)).status, 200);
  const [listed] = (await scene.ok(["token", "list", "--agent", "a", ...scene.state])).json<{ sid: string }>();
  await scene.ok(["token", "revoke", ...scene.state, "--", listed!.sid]);
  assert.equal((await scene.call(held)).status, 401, "on the next request");
  const again = (await scene.ok([...issue, "--agent", "a"])).out.trim();
  assert.equal((await scene.call({ ...held, token: again })).status, 200, "another token of the agent, its session");
  await scene.ok(["token", "revoke", "--agent", "a", ...scene.state]);
  assert.equal((await scene.call({ ...held, token: again })).status, 401);
});

Deno.test("T1: tokens survive a restart with a state file", STRICT, async () => {
  await using scene = await Scene.start();
  const [kept, revoked] = [await scene.issue("a"), await scene.issue("b")];
  const held = await scene.open(kept);
  await scene.ok(["token", "revoke", "--agent", "b", ...scene.admin]);
  await scene.signet.restart();
  assert.equal((await scene.call(held)).status, 200);
  assert.equal((await scene.call({ ...held, token: revoked })).status, 401);
});

Deno.test("T1: without a state file tokens end with the process, as the log said", STRICT, async () => {
  await using scene = await Scene.start({ state: false });
  assert.ok(scene.signet.logs.some((line) => line.includes("Without --state, issued session tokens")));
  const held = await scene.open(await scene.issue("a"));
  assert.equal((await scene.call(held)).status, 200);
  await scene.signet.restart();
  assert.equal((await scene.call(held)).status, 401);
});

Deno.test("P1: an admin token opens the operators' API, and nothing else does", STRICT, async () => {
  await using scene = await Scene.start({ adminToken: true });
  const shown = ["--admin-token-file", `${scene.folder}/admin`];
  const without = await scene.run(["token", "list", ...scene.admin]);
  assert.equal(without.code, 2);
  assert.match(without.err, /wants the admin token\.\nGive --admin-token-file/);
  assert.equal(
    (await scene.run(["token", "list", ...scene.admin, "--admin-token-file", `${scene.folder}/secrets`])).code,
    2,
  );
  await scene.ok(["token", "list", ...scene.admin, ...shown]);
  const page = await fetch(`${scene.signet.adminUrl}/healthz`);
  assert.deepEqual([page.status, await page.text()], [200, "ok\n"], "probes need no token");
});
