// Answers that their client has not taken: how long they hold their server back.
import assert from "node:assert/strict";
import { HeldAnswers } from "../../../../lib/bridge/answers/held_answers.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("M6: while memory is overdrawn any answer that is not taken holds its server back", STRICT, async () => {
  const account = new ByteAccount(100);
  const timers = new FakeTimers();
  const held = new HeldAnswers({ highWaterBytes: 1000, stallMs: 30_000, account, timers });
  const first = held.hold(60);
  assert.equal(held.whenTaken(), undefined, "there is room");
  const second = held.hold(60);
  const wait = held.whenTaken();
  assert.ok(wait !== undefined, "there is none");
  first();
  await wait;
  assert.equal(held.whenTaken(), undefined);
  second();
  assert.deepEqual([account.held, timers.pending], [0, 0]);
});
