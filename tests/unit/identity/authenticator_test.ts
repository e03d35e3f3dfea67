import assert from "node:assert/strict";
import { SignetError } from "../../../lib/errors.ts";
import { AnonymousSource } from "../../../lib/identity/anonymous.ts";
import { Authenticator } from "../../../lib/identity/authenticator.ts";
import { BearerSource } from "../../../lib/identity/bearer.ts";
import { MAX_TOKEN_LENGTH, readBearerToken } from "../../../lib/identity/bearer_token.ts";
import type {
  CredentialView,
  Identification,
  Principal,
  PrincipalSource,
  VerifyingSource,
} from "../../../lib/identity/principal.ts";
import { TrustedHeaderSource } from "../../../lib/identity/proxies/trusted_header.ts";
import { CidrList } from "../../../lib/platform/network/cidr.ts";
import { NOW_MS } from "../../support/issuer.ts";
import { STRICT } from "../../support/strict.ts";
import { principalOf, request, withToken } from "./fakes.ts";

const NOBODY = request([]);

const proven = (subject: string, expiresAtMs = Infinity): Identification => ({
  kind: "principal",
  principal: { source: "fake", issuer: "signet:fake", subject, scopes: [], expiresAtMs },
});
const INVALID: Identification = { kind: "invalid", error: "invalid_token", reason: "no" };

/** Verifies bearer tokens as told: later where `answer` gives a promise. Counts. */
class FakeSource implements VerifyingSource {
  readonly name = "fake";
  readonly fields = ["authorization"];
  calls = 0;
  constructor(readonly answer: (token: string, nowMs: number) => Identification | Promise<Identification>) {}
  credential(view: CredentialView): string | Identification {
    return readBearerToken(view, MAX_TOKEN_LENGTH);
  }
  verify(token: string, nowMs: number): Identification | Promise<Identification> {
    this.calls++;
    return this.answer(token, nowMs);
  }
  identify(): Identification {
    throw new Error("the authenticator asks verifying sources by credential");
  }
}

const later = (answer: Identification) => Promise.resolve(answer);
const byToken = (token: string) => later(proven(token));

/** An answer that must come without waiting. */
function atOnce(answer: Identification | Promise<Identification>): Identification {
  if (answer instanceof Promise) throw new Error("want an answer at once, got a promise");
  return answer;
}

Deno.test("I7: no source's answer without a client passes where one is bound, remembered or not", STRICT, async () => {
  let clientId: string | undefined;
  const principal = () => ({
    ...{ source: "x", issuer: "i", subject: "s", scopes: [], expiresAtMs: Infinity },
    ...(clientId === undefined ? {} : { clientId }),
  });
  const answer = () => ({ kind: "principal", principal: principal() }) as const;
  const plain = { name: "plain", identify: answer };
  const late = { name: "late", identify: () => Promise.resolve(answer()) };
  const verifying = { ...plain, credential: () => "c", verify: answer };
  for (const source of [plain, late, verifying]) {
    const bound = new Authenticator([source], { requireClient: true });
    clientId = undefined;
    for (let i = 0; i < 2; i++) assert.equal((await bound.identify(request([]), 0)).kind, "invalid", source.name);
    assert.equal((await new Authenticator([source]).identify(request([]), 0)).kind, "principal");
    clientId = "app";
    assert.equal(
      (await new Authenticator([source], { requireClient: true }).identify(request([]), 0)).kind,
      "principal",
    );
  }
});

Deno.test("I1: no source finds anything in a request without a credential", STRICT, async () => {
  const authenticator = new Authenticator([new FakeSource(byToken), new BearerSource()]);
  assert.deepEqual(await authenticator.identify(NOBODY, NOW_MS), { kind: "none" });
});

Deno.test("I1: the first source that knows the caller answers, in configured order", STRICT, () => {
  const header = new TrustedHeaderSource({ header: "x-user", peers: new CidrList(["192.0.2.0/24"]) });
  const view = request([["authorization", "Bearer abc"], ["x-user", "alice"]]);
  const sources = (authenticator: Authenticator) => principalOf(atOnce(authenticator.identify(view, NOW_MS))).source;
  assert.equal(sources(new Authenticator([header, new BearerSource()])), "header");
  assert.equal(sources(new Authenticator([new BearerSource(), header])), "bearer");
});

Deno.test("I1: a known caller is answered at once, verified once, and is the same object", STRICT, async () => {
  const source = new FakeSource(byToken);
  const authenticator = new Authenticator([source]);
  const first = principalOf(await authenticator.identify(withToken("abc"), NOW_MS));
  const again = principalOf(atOnce(authenticator.identify(withToken("abc"), NOW_MS + 1)));
  assert.equal(first, again);
  assert.equal(source.calls, 1);
});

Deno.test("I1: two tokens are two callers", STRICT, async () => {
  const authenticator = new Authenticator([new FakeSource(byToken)]);
  const [one, other] = await Promise.all(
    ["one", "other"].map(async (token) => principalOf(await authenticator.identify(withToken(token), NOW_MS)).subject),
  );
  assert.deepEqual([one, other], ["one", "other"]);
});

Deno.test("I1: 1,000 parallel requests with one new token verify it once", STRICT, async () => {
  const gate = Promise.withResolvers<Identification>();
  const source = new FakeSource(() => gate.promise);
  const authenticator = new Authenticator([source]);
  const answers = Array.from({ length: 1_000 }, () => authenticator.identify(withToken("abc"), NOW_MS));
  assert.equal(authenticator.sizes().pending, 1);
  gate.resolve(proven("alice"));
  const principals = new Set((await Promise.all(answers)).map(principalOf));
  assert.equal(principals.size, 1);
  assert.equal(source.calls, 1);
  assert.deepEqual(authenticator.sizes(), { verified: 1, refused: 0, pending: 0, principals: 0 });
});

Deno.test("I1: a proof counts until the credential's expiry, and not at it", STRICT, async () => {
  const source = new FakeSource((_, nowMs) =>
    nowMs < NOW_MS + 5_000 ? later(proven("alice", NOW_MS + 5_000)) : INVALID
  );
  const authenticator = new Authenticator([source]);
  await authenticator.identify(withToken("abc"), NOW_MS);
  assert.equal(atOnce(authenticator.identify(withToken("abc"), NOW_MS + 4_999)).kind, "principal");
  assert.equal(atOnce(authenticator.identify(withToken("abc"), NOW_MS + 5_000)).kind, "invalid");
  assert.equal(source.calls, 2);
});

Deno.test("I1: a proof is not believed beyond the longest age", STRICT, async () => {
  const source = new FakeSource(byToken);
  const authenticator = new Authenticator([source], { maxAgeMs: 1_000 });
  await authenticator.identify(withToken("abc"), NOW_MS);
  atOnce(authenticator.identify(withToken("abc"), NOW_MS + 999));
  assert.equal(source.calls, 1);
  await authenticator.identify(withToken("abc"), NOW_MS + 1_000);
  assert.equal(source.calls, 2);
});

Deno.test("I3: a refusal is remembered for a while, and asked again after it", STRICT, async () => {
  let refusing = true;
  const source = new FakeSource(() => later(refusing ? INVALID : proven("alice")));
  const authenticator = new Authenticator([source], { refusedMs: 1_000 });
  await authenticator.identify(withToken("abc"), NOW_MS);
  assert.equal(atOnce(authenticator.identify(withToken("abc"), NOW_MS + 999)).kind, "invalid");
  assert.equal(source.calls, 1);
  refusing = false;
  assert.equal((await authenticator.identify(withToken("abc"), NOW_MS + 1_000)).kind, "principal");
  assert.deepEqual(authenticator.sizes(), { verified: 1, refused: 0, pending: 0, principals: 0 });
});

Deno.test(
  "P8: what was proven or refused while the clock was ahead is asked again once it is set back",
  STRICT,
  async () => {
    const hourMs = 3_600_000;
    let answer: Identification = INVALID as Identification;
    const source = new FakeSource(() => later(answer));
    const authenticator = new Authenticator([source]);
    await authenticator.identify(withToken("abc"), NOW_MS + hourMs);
    answer = proven("alice");
    assert.equal((await authenticator.identify(withToken("abc"), NOW_MS)).kind, "principal");
    answer = INVALID;
    assert.equal((await authenticator.identify(withToken("abc"), NOW_MS - hourMs)).kind, "invalid");
    assert.equal(source.calls, 3);
  },
);

Deno.test("I3: a credential that does not hold is never tried on the next source", STRICT, async () => {
  const authenticator = new Authenticator([
    new FakeSource(() => later(INVALID)),
    new BearerSource(),
    new AnonymousSource(),
  ]);
  assert.equal((await authenticator.identify(withToken("abc"), NOW_MS)).kind, "invalid");
});

Deno.test("I3: a token that no source takes for its own is refused, not let through as anonymous", STRICT, async () => {
  const nobodys = new FakeSource(() => ({ kind: "none" }));
  const authenticator = new Authenticator([nobodys, new AnonymousSource()]);
  const answer = await authenticator.identify(withToken("abc"), NOW_MS);
  assert.equal(answer.kind === "invalid" && answer.error, "invalid_token");
  assert.equal(principalOf(await authenticator.identify(NOBODY, NOW_MS)).source, "anonymous");
});

Deno.test("I1: a token that one source does not know goes to the next that takes tokens", STRICT, async () => {
  const authenticator = new Authenticator([new FakeSource(() => ({ kind: "none" })), new BearerSource()]);
  assert.equal(principalOf(await authenticator.identify(withToken("abc"), NOW_MS)).source, "bearer");
});

Deno.test(
  "I1: a token that one source does not know reaches a later one that says nothing of what it reads",
  STRICT,
  () => {
    const plain: PrincipalSource = { name: "plain", identify: () => proven("alice") };
    const authenticator = new Authenticator([new FakeSource(() => ({ kind: "none" })), plain]);
    assert.equal(principalOf(atOnce(authenticator.identify(withToken("abc"), NOW_MS))).subject, "alice");
  },
);

Deno.test("I3: a token left over by a source that remembers nothing is refused as well", STRICT, async () => {
  const plain: PrincipalSource = { name: "plain", takesBearer: true, identify: () => ({ kind: "none" }) };
  const authenticator = new Authenticator([plain, new AnonymousSource()]);
  assert.equal((await authenticator.identify(withToken("abc"), NOW_MS)).kind, "invalid");
  assert.equal((await authenticator.identify(NOBODY, NOW_MS)).kind, "principal");
  const twice = request([["authorization", "Bearer a"], ["authorization", "Bearer a"]]);
  const answer = await authenticator.identify(twice, NOW_MS);
  assert.equal(answer.kind === "invalid" && answer.error, "invalid_request");
});

Deno.test("I1: where no source takes tokens, Authorization is the upstream's business", STRICT, async () => {
  const authenticator = new Authenticator([new AnonymousSource()]);
  assert.equal(principalOf(await authenticator.identify(withToken("abc"), NOW_MS)).source, "anonymous");
});

Deno.test(
  "I1: a source that fails is an error for all who wait, is not remembered, and is asked again",
  STRICT,
  async () => {
    let works = false;
    const source = new FakeSource(() =>
      works ? later(proven("alice")) : Promise.reject(new SignetError("identity_unavailable"))
    );
    const authenticator = new Authenticator([source]);
    const both = [authenticator.identify(withToken("abc"), NOW_MS), authenticator.identify(withToken("abc"), NOW_MS)];
    for (const answer of both) {
      await assert.rejects(
        async () => await answer,
        (fault) => fault instanceof SignetError && fault.code === "identity_unavailable",
      );
    }
    assert.equal(source.calls, 1);
    assert.deepEqual(authenticator.sizes(), { verified: 0, refused: 0, pending: 0, principals: 0 });
    works = true;
    assert.equal((await authenticator.identify(withToken("abc"), NOW_MS)).kind, "principal");
  },
);

Deno.test("M3: the number of credentials being verified at once is bounded", STRICT, async () => {
  const gate = Promise.withResolvers<Identification>();
  const authenticator = new Authenticator([new FakeSource(() => gate.promise)], { maxPending: 2 });
  const waiting = ["a", "b"].map((token) => authenticator.identify(withToken(token), NOW_MS));
  assert.throws(
    () => authenticator.identify(withToken("c"), NOW_MS),
    (fault) => fault instanceof SignetError && fault.code === "identity_unavailable" && fault.detail.retryAfterS === 1,
  );
  gate.resolve(proven("alice"));
  await Promise.all(waiting);
  assert.equal((await authenticator.identify(withToken("c"), NOW_MS)).kind, "principal");
});

Deno.test(
  "M3: a credential that held before is asked about again, however many new ones are waiting",
  STRICT,
  async () => {
    const gate = Promise.withResolvers<Identification>();
    const source = new FakeSource((token) => token === "good" ? later(proven("alice")) : gate.promise);
    const authenticator = new Authenticator([source], { maxPending: 2, maxAgeMs: 1_000 });
    await authenticator.identify(withToken("good"), NOW_MS);
    const waiting = ["a", "b"].map((token) => authenticator.identify(withToken(token), NOW_MS));
    assert.throws(() => authenticator.identify(withToken("c"), NOW_MS), SignetError);
    const again = await authenticator.identify(withToken("good"), NOW_MS + 1_000);
    assert.equal(principalOf(again).subject, "alice");
    assert.equal(source.calls, 4);
    gate.resolve(INVALID);
    await Promise.all(waiting);
    assert.equal(authenticator.sizes().pending, 0);
  },
);

Deno.test("M3: proofs and refusals are bounded, and refusals push no proof out", STRICT, async () => {
  const source = new FakeSource((token) => later(token.startsWith("bad") ? INVALID : proven(token)));
  const authenticator = new Authenticator([source], { maxVerified: 3, maxRefused: 2 });
  for (const token of ["a", "b", "c", "d"]) await authenticator.identify(withToken(token), NOW_MS);
  for (let i = 0; i < 50; i++) await authenticator.identify(withToken(`bad${i}`), NOW_MS);
  assert.deepEqual(authenticator.sizes(), { verified: 3, refused: 2, pending: 0, principals: 0 });
  for (const token of ["b", "c", "d"]) atOnce(authenticator.identify(withToken(token), NOW_MS));
});

Deno.test("I1: the fields an answer depends on are told, or that they are not known", STRICT, () => {
  const header = new TrustedHeaderSource({ header: "X-User", peers: new CidrList([]) });
  assert.deepEqual(new Authenticator([header, new BearerSource()]).fields, ["x-user", "authorization"]);
  assert.deepEqual(new Authenticator([new AnonymousSource()]).fields, []);
  const unknown: PrincipalSource = { name: "plain", identify: () => ({ kind: "none" }) };
  assert.equal(new Authenticator([header, unknown]).fields, undefined);
});

Deno.test("P1: credentials are not kept, only their digests", STRICT, async () => {
  const seen: Principal[] = [];
  const authenticator = new Authenticator([new BearerSource()]);
  seen.push(principalOf(await authenticator.identify(withToken("very-secret-token"), NOW_MS)));
  assert.equal(
    Deno.inspect([authenticator, seen], { depth: 20, showHidden: true }).includes("very-secret-token"),
    false,
  );
});
