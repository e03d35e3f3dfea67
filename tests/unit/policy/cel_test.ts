import fc from "fast-check";
import assert from "node:assert/strict";
import { MOST_VALUES } from "../../../lib/policy/arguments.ts";
import { compileCondition, type Scope } from "../../../lib/policy/cel.ts";
import { ExpressionError } from "../../../lib/policy/expression_error.ts";

const SCOPE: Scope = {
  principal: {
    issuer: "https://idp.example",
    subject: "alice",
    client: "app",
    scopes: ["db:read"],
    claims: { groups: ["ops", "dev"], tenant: "acme", "https://a.example/roles": ["admin"], level: 3 },
  },
  ...{ kind: "tool", name: "query", method: "tools/call", server: "db" },
  tool: { name: "query", readOnly: true, destructive: false, idempotent: true, openWorld: false },
  args: { tenant: "acme", limit: 10, tables: ["a", "b"], nested: { deep: true } },
};

/** As a rule has it: all parts hold. */
function holds(text: string, scope: Scope = SCOPE): boolean {
  return compileCondition(text).every((part) => part.holds(scope));
}

function refusalOf(text: string): ExpressionError {
  try {
    compileCondition(text);
  } catch (fault) {
    assert.ok(fault instanceof ExpressionError, String(fault));
    return fault;
  }
  throw new Error(`compiling ${text}: it was taken`);
}

Deno.test("a condition reads the principal, the tool, the call and its arguments", () => {
  const cases: readonly [string, boolean][] = [
    [`"ops" in principal.claims.groups && !tool.destructive`, true],
    [`args.tenant == principal.claims.tenant`, true],
    [`principal.claims["https://a.example/roles"].exists(r, r == "admin")`, true],
    [`"db:write" in principal.scopes`, false],
    [`principal.issuer == "https://idp.example" && principal.client == "app"`, true],
    [`name.startsWith("que") || server == "mail"`, true],
    [`method == "prompts/get"`, false],
    [`args.limit <= 10`, true],
    [`has(args.force) && args.force`, false],
    [`args.nested.deep`, true],
    [`args.tables.all(t, t in ["a", "b", "c"])`, true],
    [`principal.claims.level > 2 ? tool.readOnly : false`, true],
    [`size(args.tables) == 2`, true],
  ];
  for (const [text, wanted] of cases) assert.equal(holds(text), wanted, text);
});

Deno.test("a condition that cannot be told throws: an absent member, types that do not fit, what is no truth value", () => {
  for (const text of [`args.absent == 1`, `args.limit + 1 > 3`, `principal.claims.tenant`, `args.tenant.deeper == 1`]) {
    assert.throws(() => holds(text), text);
  }
});

Deno.test("G4: a condition never reaches beyond what it is given", () => {
  const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"];
  for (const name of inherited) {
    for (const where of ["args", "principal.claims", "principal", "tool", "args.nested", "name", "args.tables"]) {
      const text = `has(${where}.${name})`;
      assert.equal(holds(text), false, text);
    }
    assert.throws(() => holds(`args.${name} != null`), name);
    assert.throws(() => holds(`args["${name}"] != null`), name);
  }
});

Deno.test("a condition that no rule can have is refused at load, with the place and what is wanted", () => {
  const cases: readonly [string, RegExp, number | undefined][] = [
    [`principal.isuer == "x"`, /No such key: isuer/, 10],
    [`tenant == "x"`, /Unknown variable: tenant/, 0],
    [`name ==`, /EOF|Unexpected/, undefined],
    [`name`, /type string/, undefined],
    [`size(name)`, /type int/, undefined],
    [`name + 1 == "x"`, /no such overload/, 0],
    [`name.matches("(a+)+$")`, /matches\(\)/, 0],
    [`timestamp("2026-01-01T00:00:00Z") == timestamp("2026-01-01T00:00:00Z")`, /timestamp\(\)/, 0],
    [`b"{}".json() == args`, /json\(\)/, undefined],
    [`cel.bind(x, name + name, x == "aa")`, /bind\(\)/, undefined],
    [`args.a.all(args, true)`, /args is read and set/, undefined],
    [`${"[".repeat(30)}1${"]".repeat(30)} == args.a`, /depth/i, undefined],
    [`"${"a".repeat(2000)}" == name`, /2\d{3} characters, 2000 is the most/, undefined],
  ];
  for (const [text, wanted, at] of cases) {
    const refusal = refusalOf(text);
    assert.match(refusal.message, wanted, text);
    if (at !== undefined) assert.equal(refusal.at, at, text);
    assert.match(refusal.remedy, /^[A-Z].*\.$/, text);
  }
});

Deno.test("G4: what could take long is refused at load: loops over loops, however they are put", () => {
  for (
    const text of [
      `args.a.all(x, args.a.all(y, x != y))`,
      `args.a.all(x, x in args.b)`,
      `args.a.map(x, args.a).exists(y, y.exists(z, z == 1))`,
      `args.a.filter(x, args.a == principal.claims.groups).size() > 0`,
      `args.a.all(x, args == principal.claims)`,
      `(args.a + args.a + args.a).all(x, [x, x, x].all(y, [y, y, y].all(z, z == 1 && z != 2 && z > 3)))`,
      Array.from({ length: 5 }, () => `args.a.exists(x, x.contains("q") && x.endsWith("z"))`).join(" || "),
    ]
  ) assert.match(refusalOf(text).message, /could take \d+ steps|maximum|exceed/i, text);
});

Deno.test("what a condition reads is told from its text; what cannot be told counts as all", () => {
  const cases: readonly [string, object][] = [
    [`args.a.b == 1 && args["c"] == 2`, { args: new Set(["a", "c"]), claims: new Set(), hints: false }],
    [`args[name] == 1`, { args: "all", claims: new Set(), hints: false }],
    [`size(args) > 1`, { args: "all", claims: new Set(), hints: false }],
    [`has(args.x)`, { args: new Set(["x"]), claims: new Set(), hints: false }],
    [`principal.claims[args.k] == 1`, { args: new Set(["k"]), claims: "all", hints: false }],
    [`principal.claims.groups.exists(g, g == args.g)`, {
      args: new Set(["g"]),
      claims: new Set(["groups"]),
      hints: false,
    }],
    [`tool.name == "x"`, { args: new Set(), claims: new Set(), hints: false }],
    [`tool.readOnly`, { args: new Set(), claims: new Set(), hints: true }],
    [`args.?x == 1 || true`, {}],
  ];
  for (const [text, wanted] of cases) {
    if (Object.keys(wanted).length === 0) {
      assert.throws(() => compileCondition(text), text);
      continue;
    }
    const reads = compileCondition(text).map((part) => part.reads);
    const merged = {
      args: reads.some(({ args }) => args === "all") ? "all" : new Set(reads.flatMap(({ args }) => [...args])),
      claims: reads.some(({ claims }) => claims === "all")
        ? "all"
        : new Set(reads.flatMap(({ claims }) => [...claims])),
      hints: reads.some(({ hints }) => hints),
    };
    assert.deepEqual(merged, wanted, text);
  }
});

Deno.test("a condition falls into the parts between its outermost and", () => {
  for (
    const [text, count] of [
      [`name == "a" && kind == "tool" && server == ""`, 3],
      [`(name == "a" || kind == "tool") && server == ""`, 2],
      [`name == "a" || kind == "tool" && server == ""`, 1],
      [`(name == "a" && (kind == "tool")) && !(server == "")`, 3],
    ] as const
  ) assert.equal(compileCondition(text).length, count, text);
});

/** A list of as many elements as a rule may meet, which counts how often one of them is looked at. */
function counted(count: { looks: number }): readonly string[] {
  return new Proxy(Array.from({ length: MOST_VALUES }, (_, at) => `x${at}`), {
    get(list, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) count.looks++;
      return Reflect.get(list, key);
    },
  });
}

Deno.test("G4: whatever condition is taken, it stays in its budget over the longest lists there may be", () => {
  const list = fc.constantFrom(
    "args.a",
    "principal.claims.g",
    "principal.scopes",
    "[name, kind]",
    "args.b.map(z, z + name)",
  );
  const { condition } = fc.letrec<{ condition: string; text: string }>((tie) => ({
    text: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom("name", "x", '"x7"', "args.c"),
      fc.tuple(tie("text"), tie("text")).map(([a, b]) => `(${a} + ${b})`),
    ),
    condition: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.tuple(tie("text"), fc.constantFrom("==", "!="), tie("text")).map((parts) => parts.join(" ")),
      fc.tuple(tie("text"), list).map(([text, of]) => `${text} in ${of}`),
      fc.tuple(list, list).map(([a, b]) => `${a} == ${b}`),
      fc.tuple(tie("text"), fc.constantFrom("contains", "startsWith", "endsWith"), tie("text"))
        .map(([a, by, b]) => `${a}.${by}(${b})`),
      fc.tuple(list, fc.constantFrom("all", "exists", "exists_one"), tie("condition"))
        .map(([of, how, inner]) => `${of}.${how}(x, ${inner})`),
      fc.tuple(tie("condition"), fc.constantFrom("&&", "||"), tie("condition")).map(([a, op, b]) =>
        `(${a}) ${op} (${b})`
      ),
    ),
  }));
  let taken = 0, most = 0;
  fc.assert(
    fc.property(condition, (text) => {
      let parts;
      try {
        parts = compileCondition(text);
      } catch (fault) {
        assert.ok(fault instanceof ExpressionError, String(fault));
        return;
      }
      taken++;
      const count = { looks: 0 };
      const [a, b] = [counted(count), counted(count)];
      const scope: Scope = {
        ...SCOPE,
        principal: { ...SCOPE.principal, scopes: a, claims: { g: b } },
        args: { a, b, c: "x8" },
      };
      for (const part of parts) {
        try {
          part.holds(scope);
        } catch {
          // Cannot be told: as soon as anything else.
        }
      }
      most = Math.max(most, count.looks);
      assert.ok(count.looks <= 100_000, `${count.looks} looks: ${text}`);
    }),
    { numRuns: 3000 },
  );
  assert.ok(taken > 300 && most > 1000, `${taken} were taken, ${most} looks at most`);
});
