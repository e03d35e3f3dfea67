// Replicas whose ring changes, or who are another process, while a request is on its way between them (docs/behaviour.md E5,
// R2, R8).
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FalseHome } from "../support/false_home.ts";
import { Replicas } from "../support/replicas.ts";
import { call, freshRing, LANES } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const NOT_TAKEN = [["unproven", 403], ["other-process", 421], ["moved", 421], ["draining", 503]] as const;

for (const lane of LANES) {
  for (const [why, code] of NOT_TAKEN) {
    Deno.test(
      `R8: a call that its home may have run is not run again because the second time it says '${why}' (${lane} lane)`,
      STRICT,
      async () => {
        await using replicas = await Replicas.start({ count: 2, lane });
        const id = await replicas.at(0).signet.open();
        await replicas.stop(0);
        const take = (home: FalseHome, request: IncomingMessage, response: ServerResponse) => {
          // It has run it, and its answer is lost with the connection.
          if (home.taken.length === 1) return void request.socket.destroy();
          const [status, fields] = home.taken.length === 2 ? [code, { "signet-hop": why }] : [200, {}];
          request.resume().on("end", () => response.writeHead(status, fields).end("{}"));
        };
        await using home = await FalseHome.at(replicas.at(0).address, replicas.ring, take);
        const { signet, upstream } = replicas.at(1);
        const response = await signet.post(call(1, "count"), { id });
        const text = await response.text();
        assert.equal(response.status, 502, text);
        assert.match(text, /may have been run/);
        assert.equal(home.taken.length, 2, "a third time it would have run it again");
        assert.equal(upstream.requests.length, 0, "nor is it run here");
      },
    );
  }
}

for (const lane of LANES) {
  Deno.test(
    `E5 R2: a stream ends with the key by which it was proven that a replica has passed it on, a call may be finished (${lane} lane)`,
    STRICT,
    async () => {
      const [old, next] = [freshRing().active, freshRing().active];
      await using replicas = await Replicas.start({ count: 2, lane, ring: new KeyRing([old, next]) });
      const [{ signet: home, upstream }, { signet: other }] = [replicas.at(0), replicas.at(1)];
      home.ring = new KeyRing([next, old]);
      await home.app.reload();
      const id = await home.open();
      const finish = Promise.withResolvers<void>();
      upstream.tool("slow", async () => {
        await finish.promise;
        return { content: [] };
      });
      const calling = other.post(call(1, "slow"), { id });
      await until(() => upstream.ran.get("slow") === 1, "the call runs");
      const stream = await other.get({ id });
      assert.equal(stream.status, 200);
      let isOpen = true;
      const ended = stream.text().then(() => isOpen = false);
      await until(() => upstream.streams.size === 1, "the stream at the home's server");
      home.ring = new KeyRing([next]);
      await home.app.reload();
      await until(() => !isOpen, "the stream to end");
      await ended;
      finish.resolve();
      const response = await calling;
      await response.text();
      assert.equal(response.status, 200);
      const again = await other.get({ id });
      assert.equal(again.status, 200, "by the key that is left");
      await again.body?.cancel();
      await until(() => upstream.streams.size === 0, "the streams to end");
    },
  );
}

for (const lane of LANES) {
  for (const [times, code] of [[2, 200], [3, 403], [9, 403]] as const) {
    Deno.test(
      `E5 R2: a home whose ring changes ${times} times on the way of a call ${
        code === 200 ? "gets it" : "has refused it"
      } (${lane} lane)`,
      STRICT,
      async () => {
        await using replicas = await Replicas.start({ count: 2, lane });
        const id = await replicas.at(0).signet.open();
        await replicas.stop(0);
        const take = (home: FalseHome, request: IncomingMessage, response: ServerResponse) => {
          const [status, fields] = home.taken.length <= times ? [403, { "signet-hop": "unproven" }] : [200, {}];
          request.resume().on("end", () => response.writeHead(status, fields).end("{}"));
        };
        await using home = await FalseHome.at(replicas.at(0).address, replicas.ring, take);
        const response = await replicas.at(1).signet.post(call(1, "count"), { id });
        await response.text();
        assert.equal(response.status, code);
        assert.equal(home.taken.length, 3);
        assert.equal(new Set(home.taken).size, 3, "each under a number of its own");
        assert.equal(replicas.at(1).upstream.requests.length, 0);
      },
    );
  }
}
