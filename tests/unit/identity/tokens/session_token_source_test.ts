import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import type { Identification, PrincipalSource } from "../../../../lib/identity/principal.ts";
import { looksLikeSessionToken, SessionTokenSource } from "../../../../lib/identity/tokens/session_token_source.ts";
import { SessionTokens } from "../../../../lib/identity/tokens/tokens.ts";
import { TokenSecret } from "../../../../lib/identity/tokens/tokens_secret.ts";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { request, withToken } from "../fakes.ts";

const NOW_MS = 1_700_000_000_000;
const AGENT = "did:example:a";

const FAULT = new StoreError("busy", "The state file is busy", { remedy: "Try again" });

function given() {
  const clock = { nowMs: NOW_MS };
  const store = createMemoryStore();
  const tokens = new SessionTokens({
    store: store.tokens,
    secrets: [new TokenSecret(new Uint8Array(32).fill(1))],
    maxPerAgent: 100,
    now: () => clock.nowMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  return { tokens, clock, store, source: new SessionTokenSource(tokens) };
}

const view = (...authorization: string[]) => request(authorization.map((value) => ["authorization", value]));

Deno.test("I1: token source takes whoever presents a session token for the agent it names", STRICT, async () => {
  const { tokens, source } = given();
  const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const answer = await source.identify(withToken(token), NOW_MS);
  assert.deepEqual(answer, {
    kind: "principal",
    principal: { source: "token", issuer: "signet:token", subject: AGENT, scopes: [], expiresAtMs: NOW_MS + 60_000 },
  });
  const again = await source.identify(view(`bearer  ${token}`), NOW_MS);
  assert.ok(answer.kind === "principal" && again.kind === "principal");
  assert.equal(again.principal, answer.principal, "the same object again");
});

Deno.test("I1: token source answers at once over a store that does", STRICT, async () => {
  const { tokens, source } = given();
  const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  assert.equal(source.identify(withToken(token), NOW_MS) instanceof Promise, false);
});

const kindOf = async (answer: Identification | Promise<Identification>) => (await answer).kind;

Deno.test("I1: token source leaves what is not of its form to the next source", STRICT, async () => {
  const { source } = given();
  const mac = "A".repeat(43);
  const jwt = `eyJzaWQiOiJhIn0.eyJzdWIiOiJhIn0.${mac}`;
  for (const token of [jwt, "opaque", `opaque.${mac}`, `eyJzaWQiOi.${mac}`, `eyJzaWQiOiJhIn0.${mac}A`]) {
    assert.equal(await kindOf(source.identify(withToken(token), NOW_MS)), "none", token);
  }
  assert.equal(await kindOf(source.identify(view(), NOW_MS)), "none");
  assert.equal(await kindOf(source.identify(view("Basic eyJzaWQiOiJh"), NOW_MS)), "none");
});

Deno.test(
  "I3: token source refuses what is not of its form where nobody else reads bearer tokens",
  STRICT,
  async () => {
    const source = new SessionTokenSource(given().tokens, { refuseForeign: true });
    assert.equal(await kindOf(source.identify(withToken("opaque"), NOW_MS)), "invalid");
    assert.equal(await kindOf(source.identify(view(), NOW_MS)), "none");
  },
);

Deno.test("I3: token source refuses tokens of its form that do not hold, quoting nothing", STRICT, async () => {
  const { tokens, source, clock } = given();
  const { token, sid } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const forged = token.slice(0, -43) + "A".repeat(43);
  assert.equal(looksLikeSessionToken(forged), true);
  const answer = await source.identify(withToken(forged), NOW_MS);
  assert.ok(answer.kind === "invalid");
  assert.equal(answer.error, "invalid_token");
  assert.ok(!answer.reason.includes(forged.slice(0, 8)));
  assert.equal(await kindOf(source.identify(withToken(token), NOW_MS)), "principal");
  clock.nowMs += 60_000;
  assert.equal(await kindOf(source.identify(withToken(token), clock.nowMs)), "invalid");
  clock.nowMs -= 60_000;
  await tokens.revoke(sid);
  assert.equal(await kindOf(source.identify(withToken(token), NOW_MS)), "invalid");
});

Deno.test("I3: token source refuses two Authorization fields and an empty token", STRICT, async () => {
  const { tokens, source } = given();
  const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  assert.equal(await kindOf(source.identify(view(`Bearer ${token}`, `Bearer ${token}`), NOW_MS)), "invalid");
  assert.equal(await kindOf(source.identify(view("Bearer "), NOW_MS)), "invalid");
});

Deno.test(
  "L6: a revocation takes effect on the next request although the principal is remembered",
  STRICT,
  async () => {
    const { tokens, source } = given();
    const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
    assert.equal(await kindOf(source.identify(withToken(token), NOW_MS)), "principal");
    assert.equal((source as PrincipalSource).fields, undefined, "nobody may remember its answers");
    await tokens.revokeAgent(AGENT);
    assert.equal(await kindOf(source.identify(withToken(token), NOW_MS)), "invalid");
  },
);

Deno.test(
  "I1: token source never answers with a remembered principal of another agent or expiry",
  STRICT,
  async () => {
    const { tokens } = given();
    const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
    const facts = { sid: "one", agent: "alice", expiresAtS: 2_000_000_000 };
    const source = new SessionTokenSource({ verify: () => ({ ok: true, token: { ...facts } }), holds: () => true });
    const principal = async () => {
      const answer = await source.identify(withToken(token), NOW_MS);
      assert.ok(answer.kind === "principal");
      return answer.principal;
    };
    const alice = await principal();
    assert.equal(await principal(), alice);
    facts.agent = "bob";
    assert.equal((await principal()).subject, "bob");
    facts.expiresAtS++;
    assert.equal((await principal()).expiresAtMs, 2_000_000_001_000);
  },
);

Deno.test("I1: token source says 503, not 401, when the store cannot be read, now or later", STRICT, async () => {
  const { tokens } = given();
  const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const broken: Pick<SessionTokens, "verify" | "holds">[] = [
    {
      verify: () => {
        throw FAULT;
      },
      holds: () => {
        throw FAULT;
      },
    },
    { verify: () => Promise.reject(FAULT), holds: () => Promise.reject(FAULT) },
  ];
  for (const verifier of broken) {
    await assert.rejects(
      async () => await new SessionTokenSource(verifier).identify(withToken(token), NOW_MS),
      (error: unknown) => error instanceof SignetError && error.code === "identity_unavailable",
    );
  }
});

Deno.test("T3: token source tells of whom it has proven whether the token holds still", STRICT, async () => {
  const { tokens, source, clock } = given();
  const { token, sid } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const answer = await source.identify(withToken(token), NOW_MS);
  assert.ok(answer.kind === "principal");
  assert.equal(await source.holds(answer.principal), true);
  assert.equal(await source.holds({ ...answer.principal }), false, "it has proven another");
  const nowMs = clock.nowMs;
  clock.nowMs += 60_000;
  assert.equal(await source.holds(answer.principal), false);
  clock.nowMs = nowMs;
  await tokens.revoke(sid);
  assert.equal(await source.holds(answer.principal), false);
  const broken = { verify: () => ({ ok: true, token: { sid, agent: AGENT, expiresAtS: 1 } }) as const };
  for (
    const holds of [() => Promise.reject(FAULT), () => {
      throw FAULT;
    }]
  ) {
    const unreadable = new SessionTokenSource({ ...broken, holds });
    const proven = await unreadable.identify(withToken(token), NOW_MS);
    assert.ok(proven.kind === "principal");
    await assert.rejects(async () => await unreadable.holds(proven.principal), SignetError);
  }
});

Deno.test("M3: a flood of bad tokens leaves nothing in memory, in the source or the store", STRICT, async () => {
  const { tokens, source, store } = given();
  const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const [payload] = token.split(".");
  for (let i = 0; i < 2_000; i++) {
    const mac = i.toString(36).padStart(42, "x") + "A";
    assert.equal(await kindOf(source.identify(withToken(`${payload}.${mac}`), NOW_MS)), "invalid");
  }
  assert.equal(source.remembered, 0);
  assert.equal((await store.tokens.list({ nowMs: 0, limit: 10 })).length, 1);
});

Deno.test("M3: token source remembers a bounded number of principals", STRICT, async () => {
  const { tokens } = given();
  const source = new SessionTokenSource(tokens, { maxRemembered: 10 });
  for (let i = 0; i < 50; i++) {
    const { token } = await tokens.issue({ agent: `agent-${i}`, ttlMs: 60_000 });
    assert.equal(await kindOf(source.identify(withToken(token), NOW_MS)), "principal");
  }
  assert.equal(source.remembered, 10);
});
