// Attacks on ends: two at once, in the middle of everything else, and what only looks like one (L5, L6, L9, C3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

for (const lane of LANES) {
  Deno.test(
    `L5: of many DELETEs at once one ends the session, the others find none (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
      for (let round = 0; round < 5; round++) {
        const id = await signet.open({ token: await issuer.token("alice") });
        // A token nobody has seen: all wait for one verification, and go on in the same instant.
        const token = await issuer.token("alice");
        const statuses = await Promise.all(Array.from({ length: 8 }, () => status(signet.delete({ id, token }))));
        assert.deepEqual(statuses.sort(), [204, ...Array(7).fill(404)]);
      }
      assert.equal(upstream.received("DELETE").length, 5);
      assert.equal(await signet.metric("signet_sessions_deleted_total"), 5);
    },
  );

  Deno.test(
    `L3 L6: opening cold and deleting at once leaves the session dead (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const first = await TestSignet.start({ upstream: upstream.url, lane });
      const ids = await Promise.all(Array.from({ length: 5 }, () => first.open()));
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, ring: first.ring });
      await first[Symbol.asyncDispose]();
      for (const id of ids) {
        const mixed = await Promise.all([
          ...[1, 2, 3].map((n) => status(signet.post(call(n, "echo"), { id }))),
          status(signet.delete({ id })),
          ...[4, 5, 6].map((n) => status(signet.post(call(n, "echo"), { id }))),
        ]);
        assert.equal(mixed[3], 204);
        assert.equal(mixed.every((found) => [200, 204, 404].includes(found)), true, String(mixed));
        assert.equal(await status(signet.post(call(7, "echo"), { id })), 404);
      }
      assert.equal(await signet.metric("signet_sessions"), 0);
      assert.equal(await signet.metric('signet_in_use{limit="requests"}'), 0);
    },
  );

  Deno.test(
    `C3 PROTOCOL 18: with --cancel-on-disconnect an initialize that is abandoned is not cancelled (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const hung = Promise.withResolvers<void>();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--cancel-on-disconnect"] });
      const id = await signet.open();
      let again = 0;
      upstream.onRequest = async (request) => {
        if (!request.body.includes('"method":"initialize"')) return undefined;
        again++;
        await hung.promise;
        return undefined;
      };
      const abort = new AbortController();
      const asked = signet.post(INITIALIZE, { id, signal: abort.signal });
      await until(() => again === 1, "it runs");
      abort.abort();
      await asked.catch(() => {});
      hung.resolve();
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "it has ended here");
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.equal(upstream.received("POST", "notifications/cancelled").length, 0);
    },
  );
}
