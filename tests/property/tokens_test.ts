import fc from "fast-check";
import assert from "node:assert/strict";
import { SessionTokens } from "../../lib/identity/tokens/tokens.ts";
import { TokenSecret } from "../../lib/identity/tokens/tokens_secret.ts";
import { createMemoryStore } from "../../lib/store/memory/memory.ts";
import type { Store } from "../../lib/store/store.ts";
import { STRICT } from "../support/strict.ts";

const NOW_MS = 1_700_000_000_000;

function given(store: Store = createMemoryStore(), maxPerAgent = 3) {
  const clock = { nowMs: NOW_MS };
  const tokens = new SessionTokens({
    store: store.tokens,
    secrets: [new TokenSecret(new Uint8Array(32).fill(7))],
    maxPerAgent,
    now: () => clock.nowMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  return { tokens, clock };
}

const agents = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((agent) => agent.trim() === agent && agent !== "" && !/\p{Cc}/u.test(agent) && agent.isWellFormed());

Deno.test("T2: every agent's token holds for that agent and for no other", STRICT, async () => {
  await fc.assert(fc.asyncProperty(agents, agents, async (agent, other) => {
    const { tokens } = given();
    const { token } = await tokens.issue({ agent, ttlMs: 1_000 });
    assert.equal((await tokens.verify(token, agent)).ok, true);
    assert.equal((await tokens.verify(token, other)).ok, agent === other);
  }));
});

Deno.test("T2: a token with any one character changed, dropped or added does not hold", STRICT, async () => {
  const { tokens } = given();
  const { token } = await tokens.issue({ agent: "did:example:a", ttlMs: 1_000 });
  const character = fc.constantFrom(..."ABCXYZabcxyz019-_.=+/ ");
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 1), character, fc.nat(2), async (at, replacement, cut) => {
      const changed = token.slice(0, at) + replacement + token.slice(at + cut);
      fc.pre(changed !== token);
      assert.equal((await tokens.verify(changed)).ok, false);
    }),
    { numRuns: 200 },
  );
});

Deno.test("T2: no text whatsoever makes verify throw or hold", STRICT, async () => {
  const { tokens } = given();
  const base64url = fc.string({ unit: fc.constantFrom(..."ABab01-_") });
  const tokenLike = fc.tuple(base64url, base64url).map((parts) => parts.join("."));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), tokenLike), async (text) => {
      assert.equal((await tokens.verify(text)).ok, false);
      assert.equal(await tokens.revokeToken(text), false);
    }),
    { numRuns: 200 },
  );
});

/** The same steps on a model: a list of live tokens. */
type Step =
  | { readonly do: "issue"; readonly agent: string; readonly ttlS: number }
  | { readonly do: "revoke"; readonly index: number }
  | { readonly do: "revokeAgent"; readonly agent: string }
  | { readonly do: "wait"; readonly ms: number };

const names = fc.constantFrom("a", "b");
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("issue" as const), agent: names, ttlS: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant("revoke" as const), index: fc.nat(9) }),
  fc.record({ do: fc.constant("revokeAgent" as const), agent: names }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 3_000 }) }),
);

Deno.test(
  "T1 T3: counts, limits and verdicts agree with a plain list after any sequence of steps",
  STRICT,
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (sequence) => {
        const { tokens, clock } = given();
        const issued: { token: string; sid: string; agent: string; expiresAtS: number; revoked: boolean }[] = [];
        const isLive = (entry: (typeof issued)[number]) => !entry.revoked && clock.nowMs < entry.expiresAtS * 1000;
        const live = (agent: string) => issued.filter((entry) => entry.agent === agent && isLive(entry));
        for (const step of sequence) {
          if (step.do === "wait") clock.nowMs += step.ms;
          else if (step.do === "revokeAgent") {
            assert.equal(await tokens.revokeAgent(step.agent), live(step.agent).length);
            for (const entry of live(step.agent)) entry.revoked = true;
          } else if (step.do === "revoke") {
            const entry = issued[step.index];
            if (entry) await tokens.revoke(entry.sid), entry.revoked = true;
          } else {
            const full = live(step.agent).length >= 3;
            const outcome = await Promise.resolve()
              .then(() => tokens.issue({ agent: step.agent, ttlMs: step.ttlS * 1000 }))
              .catch(() => undefined);
            assert.equal(outcome === undefined, full);
            if (outcome) issued.push({ ...outcome, revoked: false });
          }
          for (const agent of ["a", "b"]) assert.equal(await tokens.count(agent), live(agent).length);
        }
        for (const entry of issued) assert.equal((await tokens.verify(entry.token, entry.agent)).ok, isLive(entry));
      }),
      { numRuns: 200 },
    );
  },
);
