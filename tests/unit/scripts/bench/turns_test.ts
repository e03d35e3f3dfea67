// Turns of the bench: nobody runs in another's, each has as much time as the others, and nobody stays stopped.
import assert from "node:assert/strict";
import { orderOf, type Signal, takeTurns, type Turns, turnsOf, whileStopped } from "../../../../scripts/bench/turns.ts";
import { STRICT } from "../../../support/strict.ts";

/** Three programs that note who runs when one of them acts. */
function watching() {
  const running = new Set([1, 2, 3, 4]);
  const turns: number[][] = [];
  const signal: Signal = (pid, name) => name === "SIGCONT" ? running.add(pid) : running.delete(pid);
  const act = () => {
    turns.push([...running].toSorted());
    return Promise.resolve();
  };
  return { running, turns, signal, all: PIDS.map((pids) => ({ pids, act })) };
}

const PIDS = [[1, 2], [3], [4]];
/** The first round of two seconds. */
const TWO_SECONDS: Turns = { count: 4, before: 0 };

Deno.test("by turns one program runs at a time with all its processes, and all as often", STRICT, async () => {
  const { running, turns, signal, all } = watching();
  await whileStopped(all, () => takeTurns(all, TWO_SECONDS, signal), signal);
  for (const pids of PIDS) assert.equal(turns.filter((each) => each.join() === pids.join()).length, 4);
  assert.equal(turns.length, 12);
  assert.deepEqual(turns.slice(0, 6), [...orderOf(3, 1), ...orderOf(3, 2)].map((at) => PIDS[at]), "the order turns");
  assert.deepEqual([...running].toSorted(), [1, 2, 3, 4], "all run again");
});

Deno.test(
  "a round has the turns that its seconds need, and goes on with the order where the last one ended",
  STRICT,
  async () => {
    assert.deepEqual([turnsOf(0, 2), turnsOf(2, 2)], [TWO_SECONDS, { count: 4, before: 8 }]);
    assert.deepEqual(turnsOf(1, 3.1), { count: 7, before: 7 });
    const { turns, signal, all } = watching();
    await whileStopped(all, () => takeTurns(all, { count: 1, before: 4 }, signal), signal);
    assert.deepEqual(turns, orderOf(3, 5).map((at) => PIDS[at]));
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

Deno.test("whoever was stopped runs again where one of them has ended meanwhile", STRICT, async () => {
  const { running, signal, all } = watching();
  const failing: Signal = (pid, name) => {
    if (pid === 3 && name === "SIGCONT") throw new Deno.errors.NotFound("no such process");
    signal(pid, name);
  };
  await assert.rejects(whileStopped(all, () => takeTurns(all, TWO_SECONDS, failing), failing), Deno.errors.NotFound);
  assert.deepEqual([...running].toSorted(), [1, 2, 4]);
});
