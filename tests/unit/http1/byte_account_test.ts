import assert from "node:assert/strict";
import { ByteAccount } from "../../../lib/http1/byte_account.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("a charge takes what there is room for, all of it or nothing", STRICT, () => {
  const account = new ByteAccount(100);
  const [one, other] = [account.open(), account.open()];
  assert.equal(one.resize(60), true);
  assert.equal(other.resize(41), false);
  assert.deepEqual([account.held, other.bytes], [60, 0]);
  assert.equal(other.resize(40), true);
  assert.equal(one.resize(61), false);
  assert.equal(one.resize(10), true);
  assert.equal(account.held, 50);
  assert.equal(account.tryCharge(51), undefined);
  assert.equal(account.tryCharge(50)?.bytes, 50);
});

Deno.test("a charge is given back once, however often it is released", STRICT, () => {
  const account = new ByteAccount(100);
  const [one, other] = [account.tryCharge(30)!, account.tryCharge(30)!];
  one.release();
  one.release();
  assert.equal(account.held, 30);
  other.release();
  assert.equal(account.held, 0);
});

Deno.test("what is only convenient stays in the lower half", STRICT, () => {
  const account = new ByteAccount(100);
  const charge = account.open();
  assert.equal(charge.resizeIfAmple(51), false);
  assert.equal(charge.resizeIfAmple(50), true);
  assert.equal(account.open().resizeIfAmple(1), false);
  assert.equal(account.open().resize(50), true);
});

Deno.test("what must go out is counted beyond the bound, and shrinking is always allowed", STRICT, () => {
  const account = new ByteAccount(100);
  const charge = account.open();
  charge.force(150);
  assert.equal(account.held, 150);
  assert.equal(charge.resize(120), true);
  account.limit = 10;
  assert.equal(charge.resize(121), false);
  assert.equal(charge.resize(119), true);
  charge.release();
  assert.equal(account.held, 0);
});

Deno.test("strangers have a half of their own, whatever callers hold, and leave callers a quarter", STRICT, () => {
  const account = new ByteAccount(100);
  const [caller, stranger, other] = [account.open(), account.open(), account.open()];
  assert.equal(stranger.resizeAsStranger(51), false);
  assert.equal(stranger.resizeAsStranger(40), true);
  assert.equal(other.resizeAsStranger(11), false);
  assert.equal(caller.resize(35), true);
  assert.equal(other.resizeAsStranger(1), false, "three quarters are taken");
  assert.deepEqual([account.held, account.strange, stranger.strange], [75, 40, 40]);
  stranger.befriend();
  assert.deepEqual([account.held, account.strange, stranger.bytes], [75, 0, 40]);
  stranger.release();
  assert.equal(caller.resize(50), true);
  assert.equal(other.resizeAsStranger(25), true, "one caller's share keeps nobody out");
  assert.equal(other.resizeAsStranger(5), true);
  assert.deepEqual([account.held, account.strange], [55, 5]);
  for (const charge of [caller, other]) charge.release();
  assert.deepEqual([account.held, account.strange], [0, 0]);
});

Deno.test("a share is a part of the whole: it ends at a bound of its own, and counts in both", STRICT, () => {
  const whole = new ByteAccount(100);
  whole.shareLimit = 40;
  const [alice, bob] = [whole.shareOf("alice"), whole.shareOf("bob")];
  assert.equal(whole.shareOf("alice"), alice);
  const [one, other] = [alice.open(), bob.open()];
  assert.equal(one.resize(41), false);
  assert.equal(one.resizeIfAmple(21), false);
  assert.equal(one.resize(40), true);
  assert.equal(alice.open().resize(1), false);
  assert.equal(other.resize(40), true);
  assert.deepEqual([whole.held, alice.held, bob.held], [80, 40, 40]);
  assert.equal(whole.open().resize(20), true);
  one.force(10);
  assert.equal(bob.isOverdrawn, false);
  other.force(50);
  assert.deepEqual([alice.isOverdrawn, bob.isOverdrawn, whole.isOverdrawn], [false, true, false]);
  whole.shareLimit = 60;
  assert.equal(bob.isOverdrawn, false, "a reload is heeded");
  for (const charge of [one, other]) charge.release();
  assert.deepEqual([whole.held, alice.held, bob.held], [20, 0, 0]);
});
