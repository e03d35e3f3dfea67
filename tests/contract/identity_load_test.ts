// Each principal source under a load of credentials that do not hold: maps stay at their caps, nobody who is known is
// pushed out, and nothing reaches the upstream (M3, I1, I3). For who is asked about identities,
// identity_provider_test.ts.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ABUSED, Clock, type Headers } from "../support/oauth_abuse.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

/** More than the refusals a source remembers. */
const FLOOD = 1_400;
const AT_ONCE = 40;
/** docs/behaviour.md M3: the caps of a source's maps. */
const CAPS = { verified: 10_000, refused: 1_000, pending: 1_000, principals: 10_000 };
const USERS = ["alice", "bob", "carol"];

const entries = (signet: TestSignet, map: string) => signet.metric(`signet_map_entries{map="${map}"}`);

/** A request as an attacker varies it: with a live session and without, and by every method. */
function attack(signet: TestSignet, i: number, ask: { headers: Headers; id: string }): Promise<Response> {
  if (i % 4 === 0) return signet.post(INITIALIZE, { headers: ask.headers, id: ask.id });
  if (i % 4 === 1) return signet.get(ask);
  if (i % 4 === 2) return signet.delete(ask);
  return signet.post(call(i, "echo"), ask);
}

for (const lane of LANES) {
  for (const [source, abuse] of Object.entries(ABUSED)) {
    Deno.test(`M3 I3: a flood of bad credentials harms no caller of ${source} (${lane} lane)`, STRICT, async () => {
      const clock = new Clock();
      await using upstream = new FakeMcp();
      await using abused = await abuse(clock);
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: abused.flags,
        now: clock.now,
      });
      const callers = await Promise.all(USERS.map(async (user) => {
        const headers = await abused.good(user);
        return { headers, id: await signet.open({ headers }) };
      }));
      const everybodyIsServed = async () => {
        const answers = callers.map((ask) => status(signet.post(call(1, "echo"), ask)));
        assert.deepEqual(await Promise.all(answers), [200, 200, 200]);
      };
      await everybodyIsServed();
      const askedBefore = callers.map(({ headers }) => abused.asked(headers));

      for (let from = 0; from < FLOOD; from += AT_ONCE) {
        const wave = Array.from({ length: AT_ONCE }, async (_, k) => {
          const headers = await abused.bad(from + k);
          return await status(attack(signet, from + k, { headers, id: callers[k % USERS.length]!.id }));
        });
        await everybodyIsServed();
        assert.deepEqual(new Set(await Promise.all(wave)), new Set([abused.badStatus]));
      }

      await everybodyIsServed();
      assert.deepEqual(callers.map(({ headers }) => abused.asked(headers)), askedBefore, "nobody known is asked about");
      for (const [map, cap] of Object.entries(CAPS)) assert.ok(await entries(signet, map) <= cap, map);
      assert.equal(await entries(signet, "pending"), 0);
      assert.equal(await entries(signet, "refused"), abused.remembers ? CAPS.refused : 0);
      if (abused.remembers) assert.equal(await entries(signet, "verified"), USERS.length);
      assert.equal(await signet.metric("signet_sessions"), USERS.length);
      assert.equal(await signet.metric('signet_in_use{limit="requests"}'), 0);
      const served = upstream.received("POST", "tools/call").length;
      assert.equal(served, USERS.length * (2 + FLOOD / AT_ONCE), "only good callers reach the upstream");
      assert.equal(upstream.received("POST", "initialize").length, USERS.length);
      assert.deepEqual([upstream.received("GET"), upstream.received("DELETE")], [[], []]);
    });
  }
}
