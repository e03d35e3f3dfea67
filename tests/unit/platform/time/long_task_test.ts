// Work that may take long: others have their turn meanwhile.
import assert from "node:assert/strict";
import { LongTask } from "../../../../lib/platform/time/long_task.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test(
  "a long task goes on at once while it has time, and lets others have their turn when it has had its own",
  STRICT,
  async () => {
    // A stall of the machine between the two lines makes the answer another; not a hundred times.
    const atOnce = Array.from({ length: 100 }, () => new LongTask().turn());
    await Promise.all(atOnce);
    assert.ok(atOnce.some((turn) => turn === undefined));
    const task = new LongTask();
    const order: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(() => resolve(void order.push("another")), 0);
    for (const beganMs = performance.now(); performance.now() - beganMs < 2;);
    const turn = task.turn();
    assert.ok(turn !== undefined);
    await turn;
    order.push("the task");
    await promise;
    assert.deepEqual(order, ["another", "the task"]);
  },
);
