// A cluster of which one node is silent or gone: whatever another one has is answered as ever, and what the silent one has is
// refused within the time-out (docs/behaviour.md R6).
import assert from "node:assert/strict";
import { openRedisStore } from "../../../../lib/store/redis/redis.ts";
import type { Store } from "../../../../lib/store/store.ts";
import { needing } from "../../../support/programs.ts";
import { RedisCluster } from "../../../support/redis_cluster.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const HERE = await needing(["redis-server"], "that replicas share a cluster");
/** So many that either node has some of them. */
const NAMES = Array.from({ length: 12 }, (_, i) => `a session ${i}`);
const SILENCE_MS = 1000;

interface Scene {
  readonly cluster: RedisCluster;
  readonly changes: boolean[];
  readonly open: () => Promise<Store>;
}

function test(
  title: string,
  body: (scene: Scene) => Promise<void>,
  options: Partial<Deno.TestDefinition> = STRICT,
): void {
  Deno.test(`redis store of a cluster ${title}`, { ...options, ...HERE }, async () => {
    await using cluster = await RedisCluster.start();
    const changes: boolean[] = [];
    const open = () =>
      openRedisStore({
        target: {
          kind: "cluster",
          nodes: cluster.ports.map((port) => ({ host: "127.0.0.1", port })),
          ...{ master: undefined, database: 0, tls: false, username: undefined },
        },
        ...{ password: undefined, prefix: "signet-test", timeoutMs: 200, silenceMs: SILENCE_MS, now: Date.now },
        seal: { seal: (text) => text, open: (sealed) => sealed },
        onChange: (up) => changes.push(up),
      });
    await body({ cluster, changes, open });
  });
}

/** Which of the names are answered for. */
async function answered(store: Store): Promise<string[]> {
  const found = await Promise.all(NAMES.map((name) => store.shared!.aliases.get(name).then(() => true, () => false)));
  return NAMES.filter((_, i) => found[i]);
}

async function wait(store: Store): Promise<void> {
  await until(async () => (await answered(store)).length === NAMES.length, "all of the cluster to answer");
}

test("R6: what is away when Signet starts is connected to as soon as it is there", async ({ cluster, open }) => {
  for (const node of cluster.nodes) await node.kill();
  const store = await open();
  try {
    assert.deepEqual(await answered(store), []);
    for (const node of cluster.nodes) await node.start();
    await wait(store);
  } finally {
    await store.close();
  }
});

for (const [what, start] of [["from the start on", true], ["by and by", false]] as const) {
  test(`R6: a node that is silent ${what} holds up nothing that another one has`, async ({ cluster, changes, open }) => {
    const [, silent] = cluster.nodes;
    if (start) silent!.freeze();
    const store = await open();
    try {
      if (!start) await wait(store);
      silent!.freeze();
      let others: string[] = [];
      await until(async () => (others = await answered(store)).length > 0, "those that another node has");
      assert.ok(others.length < NAMES.length, "some are at the silent one");
      for (let round = 0; round < 20; round++) assert.deepEqual(await answered(store), others, `in round ${round}`);
      // Not with every question to either: whoever reads the log would see nothing else.
      assert.ok(changes.length <= 4, `${changes.length} words on whether the store answers`);
      assert.equal(store.shared?.state().up, false);
      silent!.thaw();
      await wait(store);
      await until(async () => {
        await wait(store);
        return store.shared?.state().up === true;
      }, "the store to be whole");
    } finally {
      silent!.thaw();
      await store.close();
    }
  });
}

test("R6: a node that is gone is told of once, and again when it is back", async ({ cluster, changes, open }) => {
  const store = await open();
  try {
    await wait(store);
    changes.length = 0;
    const [, gone] = cluster.nodes;
    await gone!.kill();
    let others: string[] = [];
    await until(async () => (others = await answered(store)).length < NAMES.length, "it to be missed");
    for (let round = 0; round < 20; round++) assert.deepEqual(await answered(store), others, `in round ${round}`);
    assert.deepEqual(changes, [false]);
    await gone!.start();
    await until(() => changes.length === 2, "word that all answer, though nobody asks");
    assert.deepEqual(changes, [false, true]);
  } finally {
    await store.close();
  }
});

test(
  "R6: what a node had that was gone before the start is asked of whoever takes its place, and so is what is told there",
  async ({ cluster, open }) => {
    const [, gone] = cluster.nodes;
    await using heir = await cluster.addReplica(gone!);
    await gone!.kill();
    const stores = await Promise.all(Array.from({ length: 3 }, open));
    try {
      const [store] = stores as [Store];
      let woken = 0;
      for (const each of stores) each.shared!.watchRevocations(() => woken++);
      let others: string[] = [];
      await until(async () => (others = await answered(store)).length > 0, "those that another node has");
      assert.ok(others.length < NAMES.length, "some were at the one that is gone");
      await heir.ask("CLUSTER", "FAILOVER", "TAKEOVER");
      await wait(store);
      await until(() => stores.every((each) => each.shared!.state().up), "word that all answer");
      // Of many one at least has chosen the node that is gone to hear by.
      await until(() => stores.every((each) => each.shared!.state().listening), "all to be heard");
      assert.ok(woken >= stores.length);
    } finally {
      for (const each of stores) await each.close();
    }
  },
  // What the library waits for between two attempts to connect, a second at most, cannot be taken back.
  { sanitizeOps: false, sanitizeResources: false },
);
