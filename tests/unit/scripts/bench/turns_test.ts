// Turns of the bench: nobody runs in another's, each has as much time as the others, and nobody stays stopped.
import assert from "node:assert/strict";
import {
  type Conductor,
  mostSeconds,
  orderOf,
  takeTurns,
  type Turns,
  turnsOf,
  whileStopped,
} from "../../../../scripts/bench/turns.ts";
import { STRICT } from "../../../support/strict.ts";

/** Notes who is let run, on a clock that only sleeping moves; what runs when it is looked at is an error. */
function watching() {
  const running = new Set([1, 2, 3, 4]);
  const turns: number[][] = [];
  let nowMs = 0;
  const conductor: Conductor = {
    signal: (pid, name) => name === "SIGCONT" ? running.add(pid) : running.delete(pid),
    sleep: (ms) => {
      turns.push([...running].toSorted());
      nowMs += ms;
      return Promise.resolve();
    },
    now: () => nowMs,
  };
  return { running, turns, conductor, seconds: () => nowMs / 1000 };
}

const ALL = [{ pids: [1, 2] }, { pids: [3] }, { pids: [4] }];
/** The first round of two seconds. */
const TWO_SECONDS: Turns = { count: 4, before: 0 };

Deno.test("by turns one program runs at a time with all its processes, and all get the same time", STRICT, async () => {
  const { running, turns, conductor, seconds } = watching();
  const ran = await whileStopped(ALL, () => takeTurns(ALL, TWO_SECONDS, conductor), conductor);
  assert.deepEqual(ran, [2000, 2000, 2000]);
  assert.deepEqual([...new Set(turns.map((each) => each.join()))].toSorted(), ["1,2", "3", "4"]);
  const order = [...orderOf(3, 1), ...orderOf(3, 2)].map((at) => ALL[at]!.pids);
  assert.deepEqual(turns.slice(0, 6), order, "the order turns");
  assert.deepEqual([...running].toSorted(), [1, 2, 3, 4], "all run again");
  assert.ok(seconds() <= mostSeconds(ALL.length, TWO_SECONDS));
});

Deno.test(
  "a round has the turns that its seconds need, and goes on with the order where the last one ended",
  STRICT,
  async () => {
    assert.deepEqual([turnsOf(0, 2), turnsOf(2, 2)], [TWO_SECONDS, { count: 4, before: 8 }]);
    assert.deepEqual(turnsOf(1, 4, 0.6), { count: 7, before: 7 });
    const { turns, conductor } = watching();
    await whileStopped(ALL, () => takeTurns(ALL, { count: 1, before: 4 }, conductor), conductor);
    assert.deepEqual(turns, orderOf(3, 5).map((at) => ALL[at]!.pids));
  },
);

Deno.test(
  "each follows each other equally often, so that nobody always finds what the same one has left",
  STRICT,
  () => {
    for (const count of [2, 3, 6, 7, 10]) {
      const followed = new Map<string, number>();
      const turns = count % 2 === 0 ? count : 2 * count;
      for (let turn = 1; turn <= turns; turn++) {
        const order = orderOf(count, turn);
        assert.deepEqual(order.toSorted((one, other) => one - other), [...new Array(count).keys()]);
        for (let i = 1; i < count; i++) {
          const pair = `${order[i]} after ${order[i - 1]}`;
          followed.set(pair, (followed.get(pair) ?? 0) + 1);
        }
      }
      assert.equal(followed.size, count * (count - 1));
      assert.deepEqual([...new Set(followed.values())], [turns / count], `${count} programs`);
    }
  },
);

Deno.test("a program is looked at while it is stopped, after each of its turns", STRICT, async () => {
  const { running, conductor } = watching();
  let looks = 0;
  const look = () => {
    assert.ok(!running.has(3), "found it running");
    return Promise.resolve(++looks);
  };
  await whileStopped([{ pids: [3], look }], () => takeTurns([{ pids: [3], look }], TWO_SECONDS, conductor), conductor);
  assert.equal(looks, 4);
});

Deno.test("whoever was stopped runs again where one of them has ended meanwhile", STRICT, async () => {
  const { running, conductor } = watching();
  const failing: Conductor = {
    ...conductor,
    signal: (pid, name) => {
      if (pid === 3 && name === "SIGCONT") throw new Deno.errors.NotFound("no such process");
      conductor.signal(pid, name);
    },
  };
  await assert.rejects(whileStopped(ALL, () => takeTurns(ALL, TWO_SECONDS, failing), failing), Deno.errors.NotFound);
  assert.deepEqual([...running].toSorted(), [1, 2, 4]);
});
