import fc from "fast-check";
import assert from "node:assert/strict";
import type { Principal } from "../../../lib/identity/principal.ts";
import { readArguments, readsAlike } from "../../../lib/policy/arguments.ts";
import { compileCondition } from "../../../lib/policy/cel.ts";
import { hintsOf } from "../../../lib/policy/hints.ts";
import { Policy, type Rule } from "../../../lib/policy/policy.ts";
import type { Subject } from "../../../lib/policy/subject.ts";
import type { Known } from "../../../lib/policy/verdict.ts";
import { uriSpellings } from "../../../lib/upstream/several/names/uri_spellings.ts";

interface Written {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly when?: string;
  readonly scopes?: readonly string[];
}

function policy(rules: readonly Written[], otherwise: "allow" | "deny" = "deny"): Policy {
  return new Policy({
    otherwise,
    spellings: uriSpellings,
    serverOf: () => "",
    rules: rules.map((rule, at): Rule => ({
      name: `rule ${at + 1}`,
      effect: rule.allow === undefined ? "deny" : "allow",
      scopes: rule.scopes ?? [],
      patterns: (rule.allow ?? rule.deny ?? []).map((text) => {
        const [, kind = "tool", pattern = text] = /^(prompt|resource|method):(.*)$/s.exec(text) ?? [];
        return { kind: kind as Subject["kind"], pattern };
      }),
      parts: rule.when === undefined ? [] : compileCondition(rule.when),
    })),
  });
}

function principal(claims: Record<string, unknown> = {}, scopes: readonly string[] = []): Principal {
  return { source: "jwt", issuer: "https://idp.example", subject: "alice", scopes, claims, expiresAtMs: Infinity };
}

const tool = (name: string): Subject => ({ kind: "tool", name, method: "tools/call" });
const resource = (name: string): Subject => ({ kind: "resource", name, method: "resources/read" });
const method = (name: string): Subject => ({ kind: "method", name, method: name });
const NONE: Known = { hints: undefined, args: () => ({}) };

const outcome = (of: Policy, subject: Subject, who = principal(), known = NONE) => of.judge(who, subject, known).ruling;

Deno.test("G4: the first rule that matches decides, and the default what none speaks of", () => {
  const rules = policy([{ deny: ["get_secret"] }, { allow: ["get_*"] }, { deny: ["*"] }]);
  assert.equal(outcome(rules, tool("get_a")), "allowed");
  assert.equal(outcome(rules, tool("get_secret")), "denied");
  assert.equal(outcome(rules, tool("other")), "denied");
  assert.equal(outcome(rules, { kind: "prompt", name: "get_a", method: "prompts/get" }), "denied");
  assert.equal(outcome(policy([{ deny: ["x"] }], "allow"), tool("y")), "allowed");
  assert.deepEqual(rules.judge(principal(), tool("get_a"), NONE).rule, "rule 2");
});

Deno.test("G4: a condition that cannot be told allows nothing and denies, and is counted", () => {
  const allowing = policy([{ allow: ["*"], when: "principal.claims.absent == 1" }], "deny");
  assert.equal(outcome(allowing, tool("a")), "denied");
  assert.equal(allowing.failures, 1);
  const denying = policy([{ deny: ["*"], when: "principal.claims.absent == 1" }], "allow");
  assert.equal(outcome(denying, tool("a")), "denied");
  assert.equal(denying.failures, 1);
  // No truth value is none.
  assert.equal(
    outcome(policy([{ allow: ["*"], when: "principal.claims.admin" }]), tool("a"), principal({ admin: "yes" })),
    "denied",
  );
});

Deno.test("G4: scopes that are missing are named, and only where more of them would help", () => {
  const rules = policy([{ deny: ["never"] }, { allow: ["*"], scopes: ["db:read", "db:write"] }]);
  const verdict = rules.judge(principal({}, ["db:read"]), tool("query"), NONE);
  assert.deepEqual([verdict.ruling, verdict.scopes], ["scope", ["db:read", "db:write"]]);
  assert.equal(outcome(rules, tool("never")), "denied");
  assert.equal(outcome(rules, tool("query"), principal({}, ["db:read", "db:write"])), "allowed");
  assert.equal(rules.shows(principal(), tool("query"), undefined), false);
});

Deno.test("G4: arguments count in calls alone; in lists a rule that reads them counts as met if it allows", () => {
  const rules = policy([
    { deny: ["query"], when: "args.drop == true" },
    { allow: ["query"], when: '"ops" in principal.claims.groups && args.tenant == principal.claims.tenant' },
  ]);
  const ops = principal({ groups: ["ops"], tenant: "acme" });
  const other = principal({ groups: ["dev"], tenant: "acme" });
  const known = (args: Record<string, unknown>): Known => ({ hints: undefined, args: () => args });
  assert.equal(rules.shows(ops, tool("query"), undefined), true);
  assert.equal(rules.shows(other, tool("query"), undefined), false);
  assert.equal(outcome(rules, tool("query"), ops, known({ drop: false, tenant: "acme" })), "allowed");
  assert.equal(outcome(rules, tool("query"), ops, known({ drop: false, tenant: "evil" })), "arguments");
  assert.equal(outcome(rules, tool("query"), ops, known({ tenant: "acme" })), "arguments"); // drop cannot be told
  assert.equal(outcome(rules, tool("query"), other, known({ drop: false, tenant: "acme" })), "denied");
  const unreadable: Known = {
    hints: undefined,
    args: () => {
      throw new Error("unreadable");
    },
  };
  assert.equal(outcome(rules, tool("query"), ops, unreadable), "arguments");
});

Deno.test("G4: what depends on what the server says of a tool is unknown until that is known", () => {
  const rules = policy([{ allow: ["safe_*"] }, { allow: ["*"], when: "tool.readOnly || !tool.destructive" }]);
  assert.equal(outcome(rules, tool("safe_a")), "allowed");
  assert.equal(outcome(rules, tool("a")), "unknown");
  const with_ = (annotations: unknown): Known => ({ hints: hintsOf(annotations), args: () => ({}) });
  const who = principal();
  assert.equal(outcome(rules, tool("a"), who, with_({ readOnlyHint: true })), "allowed");
  // The same caller and name, said otherwise since.
  assert.equal(outcome(rules, tool("a"), who, with_({ readOnlyHint: "true" })), "denied");
  assert.equal(outcome(rules, tool("a"), who, with_({ destructiveHint: false })), "allowed");
  assert.equal(outcome(rules, tool("a"), who, with_(undefined)), "denied");
});

Deno.test("G4: an address is denied however it is spelt, and allowed only if all it may be taken for is", () => {
  const rules = policy([{ deny: ["resource:file:///etc/*"] }, { allow: ["resource:file:///*"] }]);
  for (
    const uri of [
      "file:///etc/passwd",
      "file:///%65tc/passwd",
      "file:///a/../etc/passwd",
      "file://localhost/etc/x",
      "file:////etc/x",
    ]
  ) {
    assert.equal(outcome(rules, resource(uri)), "denied", uri);
  }
  assert.equal(outcome(rules, resource("file:///srv/a")), "allowed");
  const narrow = policy([{ allow: ["resource:file:///public/*"] }]);
  assert.equal(outcome(narrow, resource("file:///public/a")), "allowed");
  assert.equal(outcome(narrow, resource("file:///public/../etc/passwd")), "denied");
  assert.equal(outcome(narrow, resource("file:///public/%2e%2e/etc/passwd")), "denied");
});

Deno.test("G4: what names nothing is open unless a rule denies it; a method nobody knows follows the default", () => {
  const rules = policy([{ deny: ["method:logging/*"] }]);
  for (const name of ["initialize", "ping", "tools/list", "notifications/initialized", "tasks/get"]) {
    assert.equal(outcome(rules, method(name)), "allowed", name);
  }
  assert.equal(outcome(rules, method("logging/setLevel")), "denied");
  assert.equal(outcome(rules, method("vendor/callTool")), "denied");
  assert.equal(outcome(policy([{ allow: ["method:vendor/*"] }]), method("vendor/callTool")), "allowed");
  assert.equal(outcome(policy([], "allow"), method("vendor/callTool")), "allowed");
});

Deno.test("G4: what a caller may not call it does not see, and what it sees some call of could be allowed", () => {
  const conditions = [
    undefined,
    '"a" in principal.claims.groups',
    "tool.readOnly",
    "args.x == 1",
    'args.x == 1 && "a" in principal.claims.groups',
    'args.x == 2 || principal.subject == "alice"',
    "principal.claims.absent",
    "!tool.destructive && args.x == 1",
  ];
  const rule = fc.record({
    deny: fc.boolean(),
    pattern: fc.constantFrom("*", "a*", "ab", "b", "?"),
    when: fc.constantFrom(...conditions),
    scoped: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 6 }),
      fc.constantFrom<"allow" | "deny">("allow", "deny"),
      fc.constantFrom("a", "ab", "b", "c", ""),
      fc.record({ groups: fc.constantFrom(["a"], ["b"], []) }),
      fc.constantFrom<readonly string[]>([], ["s"]),
      fc.record({ readOnlyHint: fc.boolean(), destructiveHint: fc.boolean() }),
      (written, otherwise, name, claims, scopes, annotations) => {
        const rules = policy(
          written.map(({ deny, pattern, when, scoped }) => ({
            ...(deny ? { deny: [pattern] } : { allow: [pattern] }),
            ...(when === undefined ? {} : { when }),
            ...(scoped && !deny ? { scopes: ["s"] } : {}),
          })),
          otherwise,
        );
        const who = principal(claims, scopes);
        const hints = hintsOf(annotations);
        const shown = rules.shows(who, tool(name), hints);
        const outcomes = [{}, { x: 1 }, { x: 2 }].map((args) =>
          outcome(rules, tool(name), who, { hints, args: () => args })
        );
        if (outcomes.includes("allowed")) assert.equal(shown, true);
        if (!shown) assert.ok(outcomes.every((one) => one === "denied" || one === "scope"), outcomes.join());
        const readsArgs = written.some(({ when }) => when?.includes("args"));
        if (shown && !readsArgs) assert.deepEqual(outcomes, ["allowed", "allowed", "allowed"]);
        // Asked again, remembered: the same.
        assert.equal(rules.shows(who, tool(name), hints), shown);
      },
    ),
    { numRuns: 2000 },
  );
});

const bytes = (text: string) => new TextEncoder().encode(text);
const callWith = (args: string) =>
  bytes(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":${args}}}`);

Deno.test("G4: arguments are read as every reader reads them, or not at all", () => {
  const x = { args: new Set(["x"]), names: new Set(["x"]) };
  assert.equal(JSON.stringify(readArguments(callWith(`{"x":{"y":[1,"a"]},"z":2}`), x)), `{"x":{"y":[1,"a"]}}`);
  assert.equal(JSON.stringify(readArguments(callWith(`{"\\u0078":1}`), x)), `{"x":1}`);
  // V8 takes a name with an escape for one that it has met, if that begins alike: what a rule looks for would be hidden.
  JSON.stringify(readArguments(callWith(`{"x":{"of":1,"pat\\\\":1}}`), x));
  assert.equal(JSON.stringify(readArguments(callWith(`{"x":{"of":1,"pat\\u0068":2}}`), x)), `{"x":{"of":1,"path":2}}`);
  for (
    const args of [
      `{"x":1,"x":2}`,
      `{"x":1,"\\u0078":2}`,
      `{"x":1,"X":2}`,
      `{"x":{"a":1,"a":2}}`,
      `{"x":[{"a":1,"A":2}]}`,
      `[1]`,
      `"text"`,
      `{"x":"${"a".repeat(9000)}"}`,
      `{"x":[${"1,".repeat(1500)}1]}`,
      `{},"Arguments":{"x":2}`,
      `{"X":1}`,
      `{"x":[{"y":{"X":1}}]}`,
      `{${Array.from({ length: 10_001 }, (_, i) => `"a${i}":1`).join(",")}}`,
    ]
  ) assert.throws(() => readArguments(callWith(args), x), /^UnreadableArguments/, args.slice(0, 60));
  assert.throws(() => readArguments(bytes(`{"params":{"name":"a","Arguments":{}}}`), x), /^UnreadableArguments/);
  const all = { args: "all", names: new Set<string>() } as const;
  assert.throws(() => readArguments(callWith(`{"q":1,"Q":2}`), all), /^UnreadableArguments/);
  assert.equal(JSON.stringify(readArguments(callWith(`{"q":1,"x":2}`), all)), `{"q":1,"x":2}`);
  // What no rule reads may be as it likes.
  assert.equal(
    JSON.stringify(readArguments(callWith(`{"big":"${"a".repeat(9000)}","q":1,"q":2,"x":3}`), x)),
    `{"x":3}`,
  );
  assert.deepEqual({ ...readArguments(bytes(`{"params":{"name":"a"}}`), x) }, {});
});

Deno.test("G4: a member is read alike by all only if it stands once, spelt as it is, where all of it was looked through", () => {
  const params = (text: string) => bytes(`{"params":{${text}}}`);
  assert.equal(readsAlike(params(`"notifications":{"a":1,"b":{"c":[1]}}`), "notifications"), true);
  assert.equal(readsAlike(params(`"other":1`), "notifications"), true);
  const many = Array.from({ length: 10_001 }, (_, i) => `"a${i}":1`).join(",");
  for (
    const text of [
      `"Notifications":{}`,
      `"notifications":{},"notifications":{}`,
      `"notifications":{},"NOTIFICATIONS":{}`,
      `"notifications":{"a":1,"a":2}`,
      `"notifications":{"a":1,"A":2}`,
      `${many},"Notifications":{}`,
    ]
  ) assert.equal(readsAlike(params(text), "notifications"), false, text.slice(0, 60));
});
