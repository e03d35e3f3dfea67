// Revocation as operators do it: the real program on both sides, while streams are open, over restarts, on the state file.
import assert from "node:assert/strict";
import { type Held, Scene } from "../support/operators_scene.ts";
import { STRICT } from "../support/strict.ts";

/** Two agents with a session each. */
async function town(scene: Scene): Promise<{ a: Held; b: Held }> {
  const [a, b] = await Promise.all([scene.issue("a"), scene.issue("b")]);
  return { a: await scene.open(a), b: await scene.open(b) };
}

async function statuses(scene: Scene, ...held: Held[]): Promise<number[]> {
  const found: number[] = [];
  for (const one of held) found.push((await scene.call(one)).status);
  return found;
}

Deno.test(
  "L6: revoke by id, hash and principal cuts open streams before it returns, and nobody else's",
  STRICT,
  async () => {
    await using scene = await Scene.start();
    const { a, b } = await town(scene);
    const bystander = await scene.listen(b);
    let bystanderEnded = false;
    bystander.ended.finally(() => bystanderEnded = true);
    const sessions = () => scene.ok(["sessions", ...scene.admin]).then((result) => result.json<{ hash: string }>());
    const before = await sessions();
    assert.equal(before.length, 2);
    const ways: ((held: Held) => Promise<{ args: string[]; stdin?: string }>)[] = [
      (held) => Promise.resolve({ args: ["-"], stdin: held.id }),
      async () => {
        const known = before.map(({ hash }) => hash);
        const [fresh] = (await sessions()).filter(({ hash }) => !known.includes(hash));
        return { args: ["--hash", fresh!.hash] };
      },
      () => Promise.resolve({ args: ["--issuer", "signet:token", "--subject", "a"] }),
    ];
    let held = a;
    for (const way of ways) {
      const stream = await scene.listen(held);
      const { args, stdin = "" } = await way(held);
      const revoked = await scene.ok(["revoke", ...args, ...scene.admin], stdin);
      assert.deepEqual(revoked.json(), [{ ended: 1 }], args.join(" "));
      await stream.ended;
      assert.deepEqual(await statuses(scene, held, b), [404, 200]);
      // What was revoked was the session: the agent may open another.
      held = await scene.open(a.token);
      assert.deepEqual(await statuses(scene, held), [200]);
    }
    assert.equal(bystanderEnded, false);
    const { code } = await scene.run(["revoke", "--all", ...scene.admin]);
    assert.equal(code, 0);
    await bystander.ended;
    for (const secret of [a.id, b.id, a.token]) assert.ok(!scene.signet.logs.join("\n").includes(secret));
  },
);

Deno.test("L6: what was opened at or before a moment ends, what came after lives", STRICT, async () => {
  await using scene = await Scene.start();
  const { a, b } = await town(scene);
  // Times are those of the machine, in whole milliseconds, and inclusive.
  const moment = new Date().toISOString();
  while (new Date().toISOString() <= moment) await Promise.resolve();
  const young = await scene.open(a.token);
  assert.deepEqual((await scene.ok(["revoke", "--before", moment, ...scene.admin])).json(), [{ ended: 2 }]);
  assert.deepEqual(await statuses(scene, a, b, young), [404, 404, 200]);
});

Deno.test("L6: a revocation survives SIGKILL and restart with a state file", STRICT, async () => {
  await using scene = await Scene.start();
  const { a, b } = await town(scene);
  await scene.ok(["revoke", a.id, ...scene.admin]);
  await scene.signet.restart();
  assert.deepEqual(await statuses(scene, a, b), [404, 200]);
  await scene.ok(["revoke", "--issuer", "signet:token", "--subject", "b", ...scene.admin]);
  await scene.signet.restart();
  assert.deepEqual(await statuses(scene, a, b), [404, 404]);
});

Deno.test("L6: a revocation on the state file ends what is live in the Signet that runs on it", STRICT, async () => {
  await using scene = await Scene.start();
  const { a, b } = await town(scene);
  const stream = await scene.listen(a);
  assert.deepEqual((await scene.ok(["revoke", "-", ...scene.state], a.id)).json(), [{ ended: null }]);
  await stream.ended;
  assert.deepEqual(await statuses(scene, a, b), [404, 200]);
});

Deno.test("L6: a revocation on the state file of a Signet that is down holds when it comes back", STRICT, async () => {
  await using scene = await Scene.start();
  const { a, b } = await town(scene);
  await scene.signet.kill("SIGTERM");
  await scene.ok(["revoke", "--issuer", "signet:token", "--subject", "a", ...scene.state]);
  const asked = await scene.run(["revoke", "--all", ...scene.admin]);
  assert.equal(asked.code, 3, "nobody answers at --admin");
  await scene.signet.restart();
  assert.deepEqual(await statuses(scene, a, b), [404, 200]);
});

Deno.test("L6: without a state file a revocation holds as long as the process, and no longer", STRICT, async () => {
  await using scene = await Scene.start({ state: false });
  const { a } = await town(scene);
  await scene.ok(["revoke", "-", ...scene.admin], a.id);
  assert.deepEqual(await statuses(scene, a), [404]);
  await scene.signet.restart();
  // Tokens were in memory too: a new one of the same agent shows that the session is its again.
  assert.deepEqual(await statuses(scene, { ...a, token: await scene.issue("a") }), [200]);
});

Deno.test("L6 P1: revoke tells what went wrong by its exit code, and repeats no id", STRICT, async () => {
  await using scene = await Scene.start();
  const { a } = await town(scene);
  const altered = a.id.slice(0, -1) + (a.id.endsWith("0") ? "1" : "0");
  for (const where of [scene.admin, scene.state]) {
    const { code, err, out } = await scene.run(["revoke", "-", ...where], altered);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /Nothing was revoked: this is no session id of the configured keys/);
    assert.ok(!err.includes(altered.slice(0, 16)));
  }
  assert.equal((await scene.run(["revoke", ...scene.admin])).code, 2);
  assert.equal((await scene.run(["revoke", "--all", "--state", `${scene.folder}/typo.db`])).code, 2);
  assert.deepEqual(await statuses(scene, a), [200]);
});
