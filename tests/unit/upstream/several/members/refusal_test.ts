import assert from "node:assert/strict";
import { Refusal } from "../../../../../lib/upstream/several/members/refusal.ts";

Deno.test("A4: a refusal stands for everybody who was given it, until anybody is accepted", () => {
  const refusal = new Refusal();
  const first = refusal.refuse("status 404");
  const second = refusal.refuse("status 410");
  assert.deepEqual([first(), second(), refusal.reason], [true, true, "status 410"]);
  refusal.accept();
  assert.deepEqual([first(), second(), refusal.reason], [false, false, undefined]);
  const third = refusal.refuse("status 404");
  assert.deepEqual([first(), third()], [false, true]);
});
