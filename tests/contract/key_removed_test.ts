// A key that leaves the ring by a reload: ids under it are dead at once, and an answer under way finishes (E5; issue 9, 23).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, freshRing, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

for (const lane of LANES) {
  Deno.test(
    `E5: removing a key lets an answer under way finish, and nothing else begin (${lane} lane)`,
    STRICT,
    async () => {
      const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      await using upstream = new FakeMcp();
      upstream.tool("slow", async () => {
        begun.resolve();
        await finish.promise;
        return { done: true };
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const answer = signet.post(call(1, "slow"), { id });
      await begun.promise;
      signet.ring = freshRing();
      await signet.app.reload();
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 404);
      finish.resolve();
      const response = await answer;
      assert.equal(response.status, 200);
      assert.deepEqual((await response.json() as { result: unknown }).result, { done: true });
      assert.equal(await signet.metric('signet_map_entries{map="finishing"}'), 0);
    },
  );
}
