import assert from "node:assert/strict";
import { callOf, oneAfterTheOther } from "../../../lib/http1/call_of.ts";
import type { Call } from "../../../lib/http1/types.ts";
import { STRICT } from "../../support/strict.ts";
import { unhandledDuring } from "../../support/unhandled.ts";

Deno.test("a call that is refused and awaited by nobody is no fault of the program's", STRICT, async () => {
  const refused = new Error("refused");
  const calls: Call<unknown>[] = [];
  const told = await unhandledDuring(() => {
    calls.push(callOf(Promise.reject(refused)), oneAfterTheOther(() => Promise.reject(refused)));
    for (const call of calls) call.abort();
    return Promise.resolve();
  });
  assert.deepEqual(told, []);
  for (const { response } of calls) await assert.rejects(response, refused);
});

Deno.test("of several calls as one the one under way is cut", STRICT, async () => {
  const cut: string[] = [];
  const second = Promise.withResolvers<string>();
  const call = oneAfterTheOther<string>(async (under) => {
    const first = await under(callOf(Promise.resolve("first"), () => cut.push("first")));
    return first + await under(callOf(second.promise, () => cut.push("second")));
  });
  await Promise.resolve();
  await Promise.resolve();
  call.abort();
  assert.deepEqual(cut, ["second"]);
  second.resolve(", second");
  assert.equal(await call.response, "first, second");
});

Deno.test("a call that is only made when nobody wants it any more is cut at once", STRICT, async () => {
  const made = Promise.withResolvers<void>();
  const cut: string[] = [];
  const call = oneAfterTheOther<void>(async (under) => {
    await made.promise;
    await under(callOf(Promise.resolve(), () => cut.push("late")));
  });
  call.abort();
  made.resolve();
  await call.response;
  assert.deepEqual(cut, ["late"]);
});
