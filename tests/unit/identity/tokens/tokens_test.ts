import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { inspect } from "node:util";
import { SignetError } from "../../../../lib/errors.ts";
import { SessionTokens, type SessionTokensOptions } from "../../../../lib/identity/tokens/tokens.ts";
import { TokenLimitError, type TokenStep } from "../../../../lib/identity/tokens/tokens_error.ts";
import { TokenSecret } from "../../../../lib/identity/tokens/tokens_secret.ts";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import { openSqliteStore } from "../../../../lib/store/sqlite/sqlite.ts";
import type { TokenStore } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

const SECRET_TEXT = "a secret of more than thirty-two bytes";
const AGENT = "did:example:a";

/** What comes of a token: "ok", or the step of T2 at which it fails. */
async function outcomeOf(tokens: SessionTokens, token: string, agent = AGENT): Promise<"ok" | TokenStep> {
  const verdict = await tokens.verify(token, agent);
  return verdict.ok ? "ok" : verdict.step;
}

/** A fixture with a clock to turn and bytes that count up. */
function given(overrides: Partial<SessionTokensOptions> = {}) {
  const clock = { nowMs: 1_700_000_000_000 };
  let counter = 0;
  const store = overrides.store ?? createMemoryStore().tokens;
  const tokens = new SessionTokens({
    store,
    secrets: [TokenSecret.fromText(SECRET_TEXT)],
    maxPerAgent: 5,
    now: () => clock.nowMs,
    randomBytes: (length) => {
      const bytes = Buffer.alloc(length);
      bytes.writeUInt32BE(++counter);
      return bytes;
    },
    ...overrides,
  });
  return { tokens, store, clock };
}

/** Signs any text as Signet would: what T2 says of a payload can only be reached with the secret. */
function sign(signed: string, secret = SECRET_TEXT): string {
  const key = Buffer.from(hkdfSync("sha256", Buffer.from(secret), new Uint8Array(0), "signet session token v1", 32));
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

const signPayload = (payload: unknown) => sign(Buffer.from(JSON.stringify(payload)).toString("base64url"));

Deno.test("T1: issue gives base64url({sid, aid, exp}).base64url(HMAC) and records its SHA-256", STRICT, async () => {
  const { tokens, store, clock } = given();
  const issued = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const [signed = "", ...rest] = issued.token.split(".");
  assert.equal(rest.length, 1);
  const exp = clock.nowMs / 1000 + 60;
  const payload = JSON.parse(Buffer.from(signed, "base64url").toString());
  assert.deepEqual(payload, {
    sid: Buffer.from("00000001000000000000000000000000", "hex").toString("base64url"),
    aid: AGENT,
    exp,
  });
  assert.equal(issued.token, sign(signed));
  assert.deepEqual(await store.get(payload.sid), {
    sid: payload.sid,
    agent: AGENT,
    expiresAtS: exp,
    digest: createHash("sha256").update(issued.token).digest("base64url"),
    issuedAtMs: clock.nowMs,
  });
});

Deno.test("T2: verify returns the facts of a token that holds, as often as asked", STRICT, async () => {
  const { tokens } = given();
  const { token, ...facts } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  assert.deepEqual(await tokens.verify(token, AGENT), { ok: true, token: facts });
  assert.deepEqual(await tokens.verify(token, AGENT), { ok: true, token: facts });
  assert.deepEqual(await tokens.verify(token), { ok: true, token: facts });
});

/** Flaws in the order of T2's steps; each leaves everything before its own step intact. */
interface Flaw {
  readonly step: TokenStep;
  readonly title: string;
  /** Spoils a good token, the record or the clock; returns what is presented and for whom. */
  readonly spoil: (given: {
    token: string;
    payload: { sid: string; aid: string; exp: number };
    store: TokenStore;
    clock: { nowMs: number };
    tokens: SessionTokens;
  }) => string | { token: string; agent: string } | Promise<string>;
}

const MAC = "A".repeat(43);
const replaceRecord = async (store: TokenStore, sid: string, change: Record<string, unknown>, nowMs: number) => {
  const record = await store.get(sid);
  await store.remove(sid);
  await store.insertBelowLimit({ ...record!, ...change }, { limit: 9, nowMs });
};
const form = (title: string, token: string): Flaw => ({
  step: "form",
  title,
  spoil: () => token,
});
const payload = (title: string, value: unknown): Flaw => ({
  step: "payload",
  title,
  spoil: () => signPayload(value),
});

const FLAWS: readonly Flaw[] = [
  form("empty", ""),
  form("one part", "abc"),
  form("three parts, as of a JWT", `abc.def.${MAC}`),
  form("an empty payload", `.${MAC}`),
  form("a short signature", `abc.${MAC.slice(1)}`),
  form("a long signature", `abc.${MAC}A`),
  form("characters of plain base64", `ab+/.${MAC}`),
  form("padding", `abc=.${MAC}`),
  form("a blank around it", ` abc.${MAC}`),
  form("a line end after it", `abc.${MAC}\n`),
  form("a second way to write the signature", `abc.${"A".repeat(42)}B`),
  form("64 KiB", `${"a".repeat(65_536)}.${MAC}`),
  {
    step: "mac",
    title: "another signature",
    spoil: ({ token }) => token.slice(0, -43) + MAC,
  },
  {
    step: "mac",
    title: "another secret",
    spoil: ({ token }) => sign(token.split(".")[0]!, `${SECRET_TEXT}!`),
  },
  {
    step: "mac",
    title: "unsigned junk: nothing is parsed before the signature holds",
    spoil: () => `${Buffer.from("{not json").toString("base64url")}.${MAC}`,
  },
  {
    step: "mac",
    title: "a longer life written in",
    spoil: ({ token, payload }) => {
      const longer = Buffer.from(JSON.stringify({ ...payload, exp: payload.exp + 1 })).toString("base64url");
      return `${longer}.${token.split(".")[1]}`;
    },
  },
  { step: "payload", title: "no JSON", spoil: () => sign("AAAA") },
  payload("null", null),
  payload("an array", ["s", "a", 1]),
  payload("no sid", { aid: AGENT, exp: 1 }),
  payload("a blank agent", { sid: "s", aid: " ", exp: 1 }),
  payload("an expiry as text", { sid: "s", aid: AGENT, exp: "9999999999" }),
  payload("a fractional expiry", { sid: "s", aid: AGENT, exp: 9999999999.5 }),
  payload("a negative expiry", { sid: "s", aid: AGENT, exp: -1 }),
  payload("another member", { sid: "s", aid: AGENT, exp: 9999999999, admin: true }),
  payload("another order", { aid: AGENT, sid: "s", exp: 9999999999 }),
  {
    step: "agent",
    title: "another agent",
    spoil: ({ token }) => ({ token, agent: "did:example:b" }),
  },
  {
    step: "agent",
    title: "a blank agent",
    spoil: ({ token }) => ({ token, agent: "" }),
  },
  {
    step: "agent",
    title: "another agent, expired, and without a record",
    spoil: () => ({ token: signPayload({ sid: "s", aid: AGENT, exp: 1 }), agent: "did:example:b" }),
  },
  {
    step: "expired",
    title: "exp == now",
    spoil: ({ token, payload, clock }) => {
      clock.nowMs = payload.exp * 1000;
      return token;
    },
  },
  {
    step: "expired",
    title: "expired and without a record",
    spoil: () => signPayload({ sid: "s", aid: AGENT, exp: 1 }),
  },
  {
    step: "unknown",
    title: "never issued",
    spoil: () => signPayload({ sid: "s", aid: AGENT, exp: 9_999_999_999 }),
  },
  {
    step: "unknown",
    title: "revoked",
    spoil: async ({ token, payload, tokens }) => {
      await tokens.revoke(payload.sid);
      return token;
    },
  },
  ...[
    ["agent", { agent: "did:example:b" }],
    ["expiry", { expiresAtS: 9_999_999_999 }],
    ["digest", { digest: createHash("sha256").update("another").digest("base64url") }],
    ["digest cut short", { digest: "" }],
  ].map(([title, change]): Flaw => ({
    step: "record",
    title: `a record with another ${title}`,
    spoil: async ({ token, payload, store, clock }) => {
      await replaceRecord(store, payload.sid, change as Record<string, unknown>, clock.nowMs);
      return token;
    },
  })),
  {
    step: "record",
    title: "another token signed by us on the same record",
    spoil: ({ payload }) => signPayload({ ...payload, exp: payload.exp + 1 }),
  },
];

for (const flaw of FLAWS) {
  Deno.test(`T2: verify fails at step ${flaw.step} for ${flaw.title}`, STRICT, async () => {
    const fixture = given();
    const { token } = await fixture.tokens.issue({ agent: AGENT, ttlMs: 60_000 });
    const parts = JSON.parse(Buffer.from(token.split(".")[0]!, "base64url").toString());
    const presented = await flaw.spoil({ ...fixture, token, payload: parts });
    const [bad, agent] = typeof presented === "string" ? [presented, AGENT] : [presented.token, presented.agent];
    assert.deepEqual(await fixture.tokens.verify(bad, agent), { ok: false, step: flaw.step });
  });
}

Deno.test("T2: a token that held before is looked at anew: agent, expiry, record", STRICT, async () => {
  const { tokens, store, clock } = given();
  const { sid, token, expiresAtS } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  const step = (agent?: string) => outcomeOf(tokens, token, agent);
  assert.equal(await step(), "ok");
  assert.equal(await step("did:example:b"), "agent");
  await replaceRecord(store, sid, { digest: "another" }, clock.nowMs);
  assert.equal(await step(), "record");
  await tokens.revoke(sid);
  assert.equal(await step(), "unknown");
  clock.nowMs = expiresAtS * 1000;
  assert.equal(await step(), "expired");
});

Deno.test("M3: tokens that do not hold leave nothing in memory", STRICT, async () => {
  const { tokens } = given();
  const { token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  for (let i = 0; i < 500; i++) await tokens.verify(`${token.split(".")[0]}.${`${i}`.padStart(42, "x")}A`);
  assert.equal(tokens.remembered, 0);
  await tokens.verify(token);
  await tokens.verify(token);
  assert.equal(tokens.remembered, 1);
});

Deno.test("T2: the table of flaws meets every step, in order", STRICT, () => {
  assert.deepEqual([...new Set(FLAWS.map((flaw) => flaw.step))], [
    "form",
    "mac",
    "payload",
    "agent",
    "expired",
    "unknown",
    "record",
  ]);
});

Deno.test(
  "T2 P8: an expired token is refused, and goes on where the clock is behind: its record is the purge's",
  STRICT,
  async () => {
    const { tokens, clock } = given();
    const short = await tokens.issue({ agent: AGENT, ttlMs: 1_000 });
    clock.nowMs += 1_000;
    assert.equal(await outcomeOf(tokens, short.token), "expired");
    clock.nowMs -= 1;
    assert.equal(await outcomeOf(tokens, short.token), "ok");
  },
);

Deno.test(
  "T1: issue at the limit is refused with agent and limit, and again possible after a revocation or an expiry",
  STRICT,
  async () => {
    const { tokens, clock } = given({ maxPerAgent: 2 });
    const first = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
    await tokens.issue({ agent: AGENT, ttlMs: 1_000 });
    const refused = (fault: unknown) => {
      assert.ok(fault instanceof TokenLimitError);
      assert.deepEqual([fault.agent, fault.limit, fault.kind.status], [AGENT, 2, 429]);
      return true;
    };
    const issue = async () => await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
    await assert.rejects(issue, refused);
    await tokens.issue({ agent: "did:example:b", ttlMs: 60_000 });
    await tokens.revoke(first.sid);
    await issue();
    await assert.rejects(issue, refused);
    clock.nowMs += 1_000;
    await issue();
  },
);

Deno.test(
  "T1: 100 parallel issues at a limit of 5 give exactly 5, in memory and in a state file",
  STRICT,
  async () => {
    await using folder = await TempFolder.create();
    const stores = { memory: createMemoryStore(), sqlite: openSqliteStore(`${folder.path}/state`) };
    for (const [name, store] of Object.entries(stores)) {
      const { tokens } = given({ store: store.tokens });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 100 }, async () => await tokens.issue({ agent: AGENT, ttlMs: 60_000 })),
      );
      const issued = outcomes.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : []);
      assert.equal(issued.length, 5, name);
      assert.equal(await tokens.count(AGENT), 5);
      for (const { token } of issued) assert.equal(await outcomeOf(tokens, token), "ok");
      await store.close();
    }
  },
);

Deno.test("T1: a token outlives a restart with the same secret and state file", STRICT, async () => {
  await using folder = await TempFolder.create();
  const first = openSqliteStore(`${folder.path}/state`);
  const { token } = await given({ store: first.tokens }).tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  first.close();
  const second = openSqliteStore(`${folder.path}/state`);
  const { tokens } = given({ store: second.tokens });
  assert.equal(await outcomeOf(tokens, token), "ok");
  second.close();
});

Deno.test("T3: revoke is idempotent, by id and by token; a forged token revokes nothing", STRICT, async () => {
  const { tokens } = given();
  const { sid, token } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  assert.equal(await tokens.revokeToken(token.slice(0, -43) + MAC), false);
  assert.equal(await tokens.revokeToken("junk"), false);
  assert.equal(await outcomeOf(tokens, token), "ok");
  assert.equal(await tokens.revokeToken(token), true);
  assert.equal(await tokens.revokeToken(token), false);
  assert.equal(await tokens.revoke(sid), false);
  assert.equal(await outcomeOf(tokens, token), "unknown");
});

Deno.test("T3: revokeAgent ends all of one agent's tokens and leaves the others'", STRICT, async () => {
  const { tokens } = given();
  const own = [
    await tokens.issue({ agent: AGENT, ttlMs: 60_000 }),
    await tokens.issue({ agent: AGENT, ttlMs: 60_000 }),
  ];
  const other = await tokens.issue({ agent: "did:example:b", ttlMs: 60_000 });
  assert.equal(await tokens.revokeAgent(AGENT), 2);
  assert.equal(await tokens.revokeAgent(AGENT), 0);
  assert.equal(await tokens.count(AGENT), 0);
  for (const { token } of own) {
    assert.equal(await outcomeOf(tokens, token), "unknown");
  }
  assert.equal(await outcomeOf(tokens, other.token, "did:example:b"), "ok");
});

Deno.test("T3: list shows live tokens without anything secret", STRICT, async () => {
  const { tokens, clock } = given();
  const { token: _token, ...first } = await tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  await tokens.issue({ agent: AGENT, ttlMs: 1_000 });
  const { token: _other, ...third } = await tokens.issue({ agent: "did:example:b", ttlMs: 60_000 });
  clock.nowMs += 1_000;
  assert.deepEqual(await tokens.list({ limit: 10 }), [first, third]);
  assert.deepEqual(await tokens.list({ limit: 10, agent: AGENT }), [first]);
  assert.deepEqual(await tokens.list({ limit: 10, afterSid: first.sid }), [third]);
});

Deno.test("T2: a token signed with an older secret holds as long as that secret is listed", STRICT, async () => {
  const store = createMemoryStore().tokens;
  const older = TokenSecret.fromText(SECRET_TEXT);
  const newer = TokenSecret.fromText(`${SECRET_TEXT} (new)`);
  const { token } = await given({ store, secrets: [older] }).tokens.issue({ agent: AGENT, ttlMs: 60_000 });
  assert.equal(await outcomeOf(given({ store, secrets: [newer, older] }).tokens, token), "ok");
  const { tokens } = given({ store, secrets: [newer] });
  assert.equal(await outcomeOf(tokens, token), "mac");
});

Deno.test("T4: a secret below 32 bytes is refused, and no secret prints", STRICT, () => {
  assert.throws(() => new TokenSecret(new Uint8Array(31)), /31 bytes, want at least 32/);
  assert.throws(() => TokenSecret.fromText(` ${"x".repeat(31)}\n`), RangeError);
  const secret = TokenSecret.fromText("x".repeat(32));
  for (const shown of [inspect(secret), Deno.inspect(secret), String(secret), JSON.stringify({ secret })]) {
    assert.ok(!shown.includes("x".repeat(4)) && !/[0-9a-f]{8}/.test(shown), shown);
  }
});

Deno.test("T4: a limit below 1 and a missing secret are refused", STRICT, () => {
  for (const maxPerAgent of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => given({ maxPerAgent }), /want a whole number ≥ 1/);
  }
  assert.throws(() => given({ secrets: [] }), /found no secret/);
});

Deno.test("T4: issue refuses agents that are no names", STRICT, async () => {
  const { tokens, store } = given();
  for (const agent of ["", " ", "\t\n", " a", "a ", "a\r\nX-Admin: 1", "a\0", "\ud800", "a".repeat(513)]) {
    await assert.rejects(
      async () => await tokens.issue({ agent, ttlMs: 60_000 }),
      (fault: unknown) => fault instanceof SignetError && fault.code === "invalid_params",
      JSON.stringify(agent),
    );
  }
  assert.deepEqual(await store.list({ nowMs: 0, limit: 10 }), []);
  await tokens.issue({ agent: "a".repeat(512), ttlMs: 60_000 });
});

Deno.test("T4: issue refuses a TTL below 1 s and one that overflows", STRICT, async () => {
  const { tokens, clock } = given();
  for (const ttlMs of [0, -1, 999, 999.9, NaN, Infinity, Number.MAX_SAFE_INTEGER, 8.64e15]) {
    await assert.rejects(
      async () => await tokens.issue({ agent: AGENT, ttlMs }),
      (fault: unknown) => fault instanceof SignetError && fault.code === "invalid_params",
      String(ttlMs),
    );
  }
  assert.equal(await tokens.count(AGENT), 0);
  const longest = 8.64e15 - clock.nowMs;
  assert.equal((await tokens.issue({ agent: AGENT, ttlMs: longest })).expiresAtS, 8.64e12);
});

Deno.test("T4: a TTL that is no whole second is rounded up, never down", STRICT, async () => {
  const { tokens, clock } = given();
  clock.nowMs += 999;
  const { token, expiresAtS } = await tokens.issue({ agent: AGENT, ttlMs: 1_000 });
  clock.nowMs += 1_000;
  assert.equal(await outcomeOf(tokens, token), "ok");
  clock.nowMs = expiresAtS * 1000 - 1;
  assert.equal(await outcomeOf(tokens, token), "ok");
  clock.nowMs++;
  assert.equal(await outcomeOf(tokens, token), "expired");
});
