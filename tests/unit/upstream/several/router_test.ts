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
  await router.stop();
  assert.equal(timers.pending, 0);
});
