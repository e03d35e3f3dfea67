// Two replicas that open one lost session, each in its turn, and the slower one in the other's (docs/behaviour.md L4, R1).
import assert from "node:assert/strict";
import { isInitialize } from "../support/fake_mcp.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { Replicas } from "../support/replicas.ts";
import { call, LANES, status, type TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const STORE = await needing(["redis-server"], "that replicas share a store");

async function count(signet: TestSignet, id: string): Promise<number> {
  const response = await signet.post(call(1, "count"), { id });
  return (await response.json()).result.structuredContent.count;
}

for (const lane of LANES) {
  Deno.test(
    `L4 R1: a resurrection that takes longer than its turn gives way to the one that was faster (${lane} lane)`,
    { ...STRICT, ...STORE },
    async () => {
      await using redis = await RedisServer.start();
      await using replicas = await Replicas.start({ count: 3, lane, flags: ["--store", redis.url] });
      const [slow, fast] = [replicas.at(1), replicas.at(2)];
      const id = await replicas.at(0).signet.open();
      await replicas.stop(0);
      const release = Promise.withResolvers<void>();
      let initializes = 0;
      slow.upstream.onRequest = async (request) => {
        if (isInitialize(request) && ++initializes === 1) await release.promise;
        return undefined;
      };
      const held = count(slow.signet, id);
      await until(() => initializes === 1, "the slower one to open it");
      const keys = (await redis.ask("KEYS", "*:turn:*")).split("\r\n").filter((line) => line.includes(":turn:"));
      assert.equal(keys.length, 1);
      // As when its time is over.
      await redis.ask("DEL", keys[0]!);
      assert.equal(await count(fast.signet, id), 1);
      release.resolve();
      assert.equal(await held, 2, "in the session that has state by now");
      await until(() => slow.upstream.sessions.size === 0, "what the slower one has opened to be ended");
      assert.deepEqual([await count(slow.signet, id), await count(fast.signet, id)], [3, 4]);
      assert.equal(slow.upstream.ran.get("count"), undefined);
      assert.equal(await status(slow.signet.delete({ id })), 204);
      assert.equal(fast.upstream.sessions.size, 0);
    },
  );
}
