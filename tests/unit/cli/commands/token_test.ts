import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { NOW_MS } from "../fake_machine.ts";
import { Operators, type Way, WAYS } from "../operators.ts";

const SECRETS = ["--token-secret-file", "secrets"];

/** Further flags of what signs or verifies. */
const SIGNING: Readonly<Record<Way, readonly string[]>> = {
  state: [...WAYS.state, ...SECRETS],
  admin: WAYS.admin,
};

async function issue(operators: Operators, way: Way, agent = "did:example:a"): Promise<string> {
  assert.equal(await operators.run(["token", "issue", "--agent", agent, ...SIGNING[way]]), 0, operators.err);
  return operators.out.trim();
}

async function sids(operators: Operators, way: Way): Promise<string[]> {
  assert.equal(await operators.run(["token", "list", ...WAYS[way]]), 0, operators.err);
  return operators.json.map((token) => (token as { sid: string }).sid);
}

for (const way of Object.keys(WAYS) as Way[]) {
  const where = SIGNING[way];

  Deno.test(`T1: a token issued by ${way} is printed alone and holds`, STRICT, async () => {
    const operators = new Operators();
    const token = await issue(operators, way);
    assert.match(operators.out, /^[\w-]+\.[\w-]{43}\n$/);
    assert.equal(operators.err, "");
    assert.equal(await operators.run(["token", "verify", "-", ...where], { stdin: `${token}\n` }), 0);
    const [verdict] = operators.json as { ok: boolean; token: { agent: string; expiresAtS: number } }[];
    assert.deepEqual([verdict!.ok, verdict!.token.agent, verdict!.token.expiresAtS], [
      true,
      "did:example:a",
      NOW_MS / 1000 + 3600,
    ]);
    assert.equal(await operators.run(["token", "verify", token, "--agent", "did:example:a", ...where]), 0);
  });

  Deno.test(`T1: a token issued by ${way} on a terminal comes with its facts, apart from it`, STRICT, async () => {
    const operators = new Operators();
    const argv = ["token", "issue", "--agent", "a", "--ttl", "90m", ...where];
    assert.equal(await operators.run(argv, { terminal: true }), 0);
    assert.match(operators.out, /^\S+\n$/);
    assert.match(operators.err, /^sid {6}\S+\nagent {4}a\nexpires {2}2026-08-01T13:30:00\.000Z \(in 1h 30m\)\n$/);
    assert.equal(await operators.run([...argv, "--json"]), 0);
    const [issued] = operators.json as { token: string; sid: string; agent: string; expiresAtS: number }[];
    assert.deepEqual(Object.keys(issued!).sort(), ["agent", "expiresAtS", "sid", "token"]);
  });

  Deno.test(`T3: revoke by ${way} says what it looked for where no token was revoked`, STRICT, async () => {
    const operators = new Operators();
    const token = await issue(operators, way);
    assert.equal(await operators.run(["token", "revoke", token, ...where]), 0);
    assert.equal(operators.err, "", "nothing to add where one was");
    const none: [string[], RegExp][] = [
      [["--agent", "mistyped"], /^! No token was revoked: none for agent "mistyped" holds now\. .*`signet token list`/],
      [["--agent", "a\u202e"], /none for agent "a\\u202e" holds now/],
      [["a-sid"], /^! No token was revoked: none with this SID holds now\. .*`signet token list`/],
      [[token], /^! No token was revoked: this one holds no more, or was never issued here\./],
    ];
    for (const [named, told] of none) {
      assert.equal(await operators.run(["token", "revoke", ...named, ...where]), 0, operators.err);
      assert.deepEqual(operators.json, [{ revoked: 0 }]);
      assert.match(operators.err, told);
      assert.equal(operators.err.includes(token), false, "a token is shown once");
    }
  });

  Deno.test(`T2: verify by ${way} exits 1 for a token that does not hold, and says why`, STRICT, async () => {
    const operators = new Operators();
    const token = await issue(operators, way);
    const cases: [string[], string, string][] = [
      [["nonsense"], "form", "it has not the form of a token"],
      [[`${token.slice(0, -43)}${"A".repeat(43)}`], "mac", "it was not signed with these secrets"],
      [[token, "--agent", "b"], "agent", "it names another agent"],
    ];
    for (const [words, step, why] of cases) {
      assert.equal(await operators.run(["token", "verify", ...words, ...where]), 1, step);
      assert.deepEqual(operators.json, [{ ok: false, step }]);
      assert.equal(await operators.run(["token", "verify", ...words, ...where], { terminal: true }), 1);
      assert.equal(operators.out, `the token does not hold: ${why}\n`);
    }
  });

  Deno.test(`T3: tokens are revoked by ${way}, by sid, by token, by agent, and again`, STRICT, async () => {
    const operators = new Operators();
    const [first, second] = [await issue(operators, way), await issue(operators, way)];
    await issue(operators, way, "b");
    await issue(operators, way, "b");
    const listed = await sids(operators, way);
    assert.equal(listed.length, 4);
    assert.equal(await operators.run(["token", "revoke", ...where, "--", listed[0]!]), 0, operators.err);
    assert.deepEqual(operators.json, [{ revoked: 1 }]);
    assert.equal(await operators.run(["token", "revoke", ...where, "--", listed[0]!], { terminal: true }), 0);
    assert.equal(operators.out, "there was none to revoke\n");
    for (const token of [first, second]) {
      assert.equal(await operators.run(["token", "revoke", "-", ...where], { stdin: token }), 0);
      assert.equal(await operators.run(["token", "verify", token, ...where]), 1);
    }
    assert.equal(await operators.run(["token", "revoke", "--agent", "b", ...WAYS[way]], { terminal: true }), 0);
    assert.match(operators.out, /^revoked [12] tokens?\n$/);
    assert.deepEqual(await sids(operators, way), []);
  });

  Deno.test(`T3: tokens are listed by ${way}, all or an agent's, in a table on a terminal`, STRICT, async () => {
    const operators = new Operators();
    assert.equal(await operators.run(["token", "list", ...WAYS[way]], { terminal: true }), 0);
    assert.equal(operators.out, "there are no live tokens\n");
    await issue(operators, way, "a");
    await issue(operators, way, "b");
    assert.equal((await sids(operators, way)).length, 2);
    assert.equal(await operators.run(["token", "list", "--agent", "b", ...WAYS[way]], { terminal: true }), 0);
    assert.match(operators.out, /^SID +EXPIRES +AGENT\n\S{22} {2}in 1h +b\n$/);
  });

  Deno.test(`T1: the limit of an agent ends issuing by ${way} with exit code 1 and the cure`, STRICT, async () => {
    const operators = new Operators();
    for (let i = 0; i < 10; i++) await issue(operators, way);
    assert.equal(await operators.run(["token", "issue", "--agent", "did:example:a", ...where]), 1);
    assert.match(operators.err, /has 10 session tokens already, which is the limit\.\nRevoke one/);
    assert.equal(operators.out, "");
  });

  Deno.test(`T4: an agent that cannot be is refused by ${way}`, STRICT, async () => {
    const operators = new Operators();
    assert.equal(await operators.run(["token", "issue", "--agent", "a\u0007b", ...where]), 2);
    assert.match(operators.err, /the agent's name holds a control character/);
  });
}

Deno.test(
  "T1: a token of the state file holds for the Signet that runs on it, and the other way round",
  STRICT,
  async () => {
    const operators = new Operators();
    const ways = [[...WAYS.state, ...SECRETS], WAYS.admin];
    for (const [issuedBy, verifiedBy] of [ways, ways.toReversed()]) {
      assert.equal(await operators.run(["token", "issue", "--agent", "a", ...issuedBy!]), 0);
      const token = operators.out.trim();
      assert.equal(await operators.run(["token", "verify", token, ...verifiedBy!]), 0);
    }
  },
);

Deno.test("more tokens than fit into one answer are listed all the same", STRICT, async () => {
  const operators = new Operators();
  for (let i = 0; i < 2001; i++) {
    operators.store.tokens.insertBelowLimit(
      { sid: `s${i}`, agent: `a${i}`, expiresAtS: NOW_MS / 1000 + 60, digest: "d", issuedAtMs: NOW_MS },
      { limit: 1, nowMs: NOW_MS },
    );
  }
  for (const way of Object.keys(WAYS) as Way[]) {
    assert.equal(await operators.run(["token", "list", ...WAYS[way]]), 0);
    assert.equal(new Set(operators.json.map((token) => (token as { sid: string }).sid)).size, 2001, way);
  }
});

Deno.test("token tells every word and flag that is missing or of no use", STRICT, async () => {
  const cases: [string[], RegExp[]][] = [
    [["issue"], [/--agent\n {4}It is not said whom the token is for/]],
    [["issue", "word", "--agent", "a"], [/One word too many/]],
    [["verify"], [/TOKEN is missing/]],
    [["verify", "t", "--ttl", "1h"], [/--ttl\n {4}`signet token verify` has no use for this flag/]],
    [["revoke"], [/It is not said which token/]],
    [["revoke", "sid", "--agent", "a"], [/There are both a token and an agent/]],
    [["revoke", "sid", "x", "--ttl", "1h"], [/One word too many/, /--ttl\n/]],
    [["list", "word"], [/One word too many/]],
    [["issue", "--agent", " "], [/--agent\n {4}The value is blank/]],
    [["issue", "--agent", "a", "--ttl", "10ms"], [/--ttl\n {4}10ms is below the least/]],
    [["verify", "-"], [/Standard input holds no token/]],
    [["isue"], [/"isue" is no ACTION\.\n {4}Did you mean `signet token issue`\?/]],
  ];
  for (const [argv, told] of cases) {
    const operators = new Operators();
    assert.equal(await operators.run(["token", ...argv, ...WAYS.state]), 2, argv.join(" "));
    for (const expected of told) assert.match(operators.err, expected);
    assert.deepEqual([operators.out, operators.machine.openStates], ["", 0]);
  }
});

Deno.test("tokens on a state file want the secret they are signed with, where it matters", STRICT, async () => {
  const operators = new Operators();
  const without = async (...argv: string[]) => await operators.run(["token", ...argv, ...WAYS.state]);
  for (const argv of [["issue", "--agent", "a"], ["verify", "t"], ["revoke", "a.b"]]) {
    assert.equal(await without(...argv), 2);
    assert.match(operators.err, /no secret is configured that they are signed with/);
  }
  assert.deepEqual([await without("list"), await without("revoke", "sid"), await without("revoke", "--agent", "a")], [
    0,
    0,
    0,
  ]);
});

Deno.test("E8: nothing a token command says repeats a token that does not hold", STRICT, async () => {
  for (const way of Object.keys(WAYS) as Way[]) {
    const operators = new Operators();
    for (const token of ["hunter2", "hunter2.hunter2", `${"hunter2".repeat(9)}.${"A".repeat(43)}`]) {
      for (const terminal of [true, false]) {
        await operators.run(["token", "verify", token, ...WAYS[way], ...(way === "state" ? SECRETS : [])], {
          terminal,
        });
        assert.doesNotMatch(operators.out + operators.err, /hunter2/);
      }
    }
  }
});
