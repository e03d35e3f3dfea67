// A session's members on a clock of the test's own: who is tried again, and for how long (docs/behaviour.md A4, A6, L7).
import assert from "node:assert/strict";
import { FakeReach, routing } from "../../../support/fake_members.ts";

Deno.test("A4 L7: a member that is out is tried again while its session is used, and not while it rests", async () => {
  const [here, out] = [new FakeReach(), new FakeReach()];
  out.isDown = true;
  const scene = await routing({ here, out });
  const { timers, router } = scene;
  await timers.advance(5 * 60_000);
  const whileUsed = out.peers.length;
  assert.ok(whileUsed >= 5, String(whileUsed));
  scene.unusedSinceMs = timers.now();
  await timers.advance(10 * 60_000);
  const whileResting = out.peers.length - whileUsed;
  assert.ok(whileResting <= 1, `${whileResting} tries of a session that rests`);
  assert.equal(timers.pending, 0);
  // Used again, it is tried again, and comes back.
  scene.unusedSinceMs = undefined;
  void router.peerFor();
  await timers.advance(1000);
  assert.ok(out.peers.length > whileUsed + whileResting);
  out.isDown = false;
  await timers.advance(2 * 60_000);
  assert.equal(scene.told.filter(({ method }) => method === "notifications/tools/list_changed").length, 1);
  await router.stop("leave", { fields: [] }).gone;
  assert.equal(timers.pending, 0);
});

for (const how of ["leave", "end"] as const) {
  Deno.test(`A6 S3: stopped, each member is told to ${how}, one that is being greeted included`, async () => {
    const [here, late] = [new FakeReach(), new FakeReach()];
    late.isDown = true;
    const { router, timers } = await routing({ here, late });
    late.isDown = false;
    late.isSilent = true;
    while (late.peers.length < 2) await timers.advance(1000);
    await router.stop(how, { fields: [] }).gone;
    assert.deepEqual([here, late].map(({ peers }) => peers.at(-1)!.parting), [how, how]);
    assert.equal(late.peers[0]!.parting, "leave", "a greeting that failed ends nothing that is kept");
    await timers.advance(60_000);
    assert.equal(timers.pending, 0);
  });
}

Deno.test("M5 A6: a member's peer that has to go is stopped, and the others stay", async () => {
  const [here, gone] = [new FakeReach(), new FakeReach()];
  const { router } = await routing({ here, gone });
  gone.peers[0]!.events.onDoomed();
  assert.deepEqual([here, gone].map(({ peers }) => peers[0]!.parting), [undefined, "leave"]);
  await router.stop("end", { fields: [] }).gone;
  assert.equal(here.peers[0]!.parting, "end");
});
