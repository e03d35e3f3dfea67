import assert from "node:assert/strict";
import { eventAnswer } from "../../../../lib/bridge/answers/http_answer.ts";
import { Outbox } from "../../../../lib/bridge/answers/outbox.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

function newOutbox(account: ByteAccount): Outbox {
  return new Outbox({ highWaterBytes: 1000, stallMs: 1000, account, timers: new FakeTimers() });
}

Deno.test("M6: what a reader was given is held until it reads on: it is being written meanwhile", STRICT, async () => {
  const account = new ByteAccount();
  const outbox = newOutbox(account);
  outbox.push(new Uint8Array(300));
  await outbox.read();
  assert.equal(account.held, 300);
  outbox.push(new Uint8Array(50));
  assert.equal(account.held, 350);
  await outbox.read();
  assert.equal(account.held, 50);
  const next = outbox.read();
  assert.equal(account.held, 0);
  outbox.push(new Uint8Array(7));
  await next;
  assert.equal(account.held, 7);
  outbox.end();
  await outbox.read();
  assert.equal(account.held, 0);
});

Deno.test("M6: an answer that is let go of holds nothing, whatever was read of it", STRICT, async () => {
  const account = new ByteAccount();
  for (const isRead of [false, true]) {
    const outbox = newOutbox(account);
    const answer = eventAnswer(outbox, { onRelease: () => {} });
    outbox.push(new Uint8Array(300));
    if (isRead) await answer.body.read();
    outbox.push(new Uint8Array(20));
    assert.equal(account.held, 320);
    answer.release();
    assert.equal(account.held, 0);
  }
});

Deno.test(
  "M6: a long piece holds its writer back while it is being written, and no longer than a reader may stall",
  STRICT,
  async () => {
    const timers = new FakeTimers();
    const outbox = new Outbox({ highWaterBytes: 1000, stallMs: 1000, account: new ByteAccount(), timers });
    outbox.push(new Uint8Array(5000));
    await outbox.read();
    let waits = outbox.whenDrained();
    assert.notEqual(waits, undefined);
    void outbox.read();
    await waits;
    assert.equal(outbox.whenDrained(), undefined);
    outbox.push(new Uint8Array(5000));
    waits = outbox.whenDrained();
    assert.notEqual(waits, undefined);
    await timers.advance(1000);
    await waits;
    assert.equal(outbox.open, true);
    outbox.push(new Uint8Array(5));
    assert.equal(outbox.whenDrained(), undefined, "excused until it reads on");
    assert.equal(timers.pending, 0);
  },
);
