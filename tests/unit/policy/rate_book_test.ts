import assert from "node:assert/strict";
import { RateBook, type RateLimit, rateRefusal, type RateScope } from "../../../lib/policy/rate_book.ts";
import type { PrincipalKey } from "../../../lib/session/caller.ts";

const ALICE = "5:issueralice" as PrincipalKey;

function limit(per: RateScope, rest: Partial<RateLimit> = {}): RateLimit {
  return { rate: { id: per, amount: 10, windowMs: 60_000, burst: 10 }, per, tools: [], ...rest };
}

const call = (name: string, rule?: string) => ({ method: "tools/call", name, rule });

Deno.test("a request takes from every rate that concerns it, once for each bucket", () => {
  const book = new RateBook([
    limit("caller"),
    limit("all"),
    limit("tool"),
    limit("caller-tool", { tools: ["a*"] }),
    limit("caller", { rule: "slow" }),
  ]);
  const keys = (...counted: Parameters<typeof book.takesOf>[1]) =>
    book.takesOf(ALICE, counted).takes.map(({ rate, key, cost }) => `${rate.id} ${key} ${cost}`);
  assert.deepEqual(keys({ method: "ping", name: undefined }), [`caller ${ALICE} 1`, "all  1"]);
  assert.deepEqual(keys(call("ab"), call("ab"), call("b", "slow")), [
    `caller ${ALICE} 3`,
    "all  3",
    "tool tab 2",
    "tool tb 1",
    `caller-tool ${ALICE.length}:${ALICE}tab 2`,
    `caller ${ALICE} 1`,
  ]);
});

Deno.test("what one request takes is made once for all like it, and is what a body of that request takes", () => {
  const limits = [limit("caller"), limit("tool", { tools: ["a*"] }), limit("all", { rule: "slow" })];
  const book = new RateBook(limits);
  const bob = "5:issuerbob" as PrincipalKey;
  const ones = [call("ab"), call("ab", "slow"), call("b"), call("n".repeat(5000)), { method: "ping", name: undefined }];
  for (const key of [ALICE, bob, ALICE]) {
    for (const one of [...ones, { method: "prompts/get", name: "ab" }, call("ab")]) {
      assert.deepEqual(book.takesOfOne(key, one), new RateBook(limits).takesOf(key, [one]));
    }
  }
  assert.equal(book.takesOfOne(bob, call("ab")), book.takesOfOne(bob, call("ab")));
});

Deno.test("of what requests take no more is kept than a thousand, and of long names nothing", () => {
  const book = new RateBook([limit("caller"), limit("caller-tool")]);
  const first = book.takesOfOne(ALICE, call("first"));
  for (let i = 0; i < 1022; i++) book.takesOfOne(ALICE, call(`tool ${i}`));
  for (let i = 0; i < 2000; i++) book.takesOfOne(ALICE, call(`${i}`.padStart(129, "n")));
  assert.equal(book.takesOfOne(ALICE, call("first")), first);
  for (let i = 0; i < 2; i++) book.takesOfOne(`6:issuer${i}` as PrincipalKey, call("another"));
  assert.notEqual(book.takesOfOne(ALICE, call("first")), first);
});

Deno.test("ahead of the rules a request takes what its caller alone has, and what is shared has to be there", () => {
  const scopes = ["caller", "all", "tool", "caller-tool"] as const;
  const book = new RateBook([...scopes.map((per) => limit(per)), limit("caller", { rule: "slow" })]);
  const of = (part: "ahead" | "rest") =>
    book.takesOf(ALICE, [call("a", "slow")], part).takes.map(({ rate, stays }) => [rate.id, stays === true]);
  assert.deepEqual(of("ahead"), [["caller", false], ["all", true], ["tool", true], ["caller-tool", false]]);
  assert.deepEqual(of("rest"), [["all", false], ["tool", false], ["caller", false]]);
});

Deno.test("a bucket's name is bounded and one tool's alone, and says who has chosen it", () => {
  const book = new RateBook([limit("tool"), limit("caller-tool"), limit("caller")]);
  const long = "n".repeat(60_000);
  const names = [long, `${long}2`, "n".repeat(128), `h${"n".repeat(40)}`];
  const keys = names.map((name) => book.takesOf(ALICE, [call(name)]).takes);
  for (const [tool, own, caller] of keys) {
    assert.ok(tool!.key.length <= 129 && own!.key.length <= 200);
    assert.deepEqual([tool!.chooser, own!.chooser, caller!.chooser], [ALICE, ALICE, undefined]);
  }
  assert.equal(new Set(keys.map(([tool]) => tool!.key)).size, names.length);
});

Deno.test("a refusal says what is allowed, to whom, and for how long to wait, in whole seconds", () => {
  const at = { allowed: false, at: 0, remaining: 0, fullInMs: 60_000 };
  const { text, fields, retryAfterS } = rateRefusal(limit("caller"), { ...at, retryAfterMs: 1001 });
  assert.equal(
    text,
    "Rate limit reached: 10 requests in 60 seconds for one caller are allowed. Wait 2 seconds before trying again.",
  );
  assert.deepEqual(fields, ["ratelimit-policy", '"caller";q=10;w=60', "ratelimit", '"caller";r=0;t=2']);
  assert.equal(retryAfterS, 2);
  const soon = rateRefusal(limit("tool"), { ...at, retryAfterMs: 3 });
  assert.match(soon.text, /10 calls in 60 seconds of one tool are allowed\. Wait 1 second before/);
  const never = rateRefusal(limit("all"), { ...at, retryAfterMs: Infinity });
  assert.deepEqual([never.retryAfterS, /Send fewer at once: 10 is the most\.$/.test(never.text)], [undefined, true]);
});
