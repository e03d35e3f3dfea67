import assert from "node:assert/strict";
import { shortHash } from "../../../../lib/observe/redact.ts";
import { STRICT } from "../../../support/strict.ts";
import { ALICE, BOB, codeOf, FakeActive } from "../../session/fakes.ts";
import { NOW_MS } from "../fake_machine.ts";
import { Operators, type Way, WAYS } from "../operators.ts";

const HOUR = 3_600_000;
const KEYED = ["--key-file", "keys"];

/** Sessions of Alice and Bob, opened an hour ago and now; which of them can still be used. */
class Town {
  readonly operators = new Operators();
  readonly ids: Record<string, string>;

  constructor() {
    const { bench, ring } = this.operators;
    const [young, old] = ring.keys;
    this.ids = {
      aliceOld: bench.seal(ALICE, { nowMs: NOW_MS - HOUR, key: old! }),
      alice: bench.seal(ALICE, { nowMs: NOW_MS, key: young! }),
      bob: bench.seal(BOB, { nowMs: NOW_MS - HOUR, key: young! }),
    };
  }

  alive(): string[] {
    this.operators.revocations.poll();
    return Object.entries(this.ids).filter(([name, id]) => {
      try {
        this.operators.bench.open(id, name.startsWith("alice") ? ALICE : BOB, NOW_MS);
        return true;
      } catch (error) {
        assert.ok(codeOf("session_not_found")(error), String(error));
        return false;
      }
    }).map(([name]) => name);
  }
}

for (const way of Object.keys(WAYS) as Way[]) {
  const where = way === "state" ? [...WAYS.state, ...KEYED] : WAYS.admin;

  Deno.test(`L6: revoke by ${way} ends one session by its id, from standard input or as a word`, STRICT, async () => {
    const town = new Town();
    const { operators, ids } = town;
    assert.equal(await operators.run(["revoke", "-", ...where], { stdin: `${ids["alice"]}\n` }), 0, operators.err);
    assert.deepEqual(town.alive(), ["aliceOld", "bob"]);
    assert.equal(await operators.run(["revoke", ids["bob"]!, ...where]), 0);
    assert.deepEqual(town.alive(), ["aliceOld"]);
  });

  Deno.test(`L6: revoke by ${way} ends a principal's sessions under every key`, STRICT, async () => {
    const town = new Town();
    const named = ["--issuer", ALICE.issuer, "--subject", ALICE.subject];
    assert.equal(await town.operators.run(["revoke", ...named, ...where]), 0, town.operators.err);
    assert.deepEqual(town.alive(), ["bob"]);
  });

  Deno.test(`L6: revoke by ${way} ends what a principal, or anybody, had opened at a moment`, STRICT, async () => {
    const before = ["--before", new Date(NOW_MS - HOUR).toISOString()];
    const named = ["--issuer", ALICE.issuer, "--subject", ALICE.subject];
    const one = new Town();
    assert.equal(await one.operators.run(["revoke", ...named, ...before, ...where]), 0);
    assert.deepEqual(one.alive(), ["alice", "bob"]);
    const all = new Town();
    assert.equal(await all.operators.run(["revoke", ...before, ...WAYS[way]]), 0, all.operators.err);
    assert.deepEqual(all.alive(), ["alice"]);
  });

  Deno.test(`L6: revoke --all by ${way} ends everything, and needs no key`, STRICT, async () => {
    const town = new Town();
    assert.equal(await town.operators.run(["revoke", "--all", ...WAYS[way]]), 0, town.operators.err);
    assert.deepEqual(town.alive(), []);
  });

  Deno.test(`revoke by ${way} exits 1 for an id of other keys, without showing it`, STRICT, async () => {
    const town = new Town();
    const { operators } = town;
    const foreign = operators.bench.seal(ALICE).replace(/.$/, (last) => last === "0" ? "1" : "0");
    assert.equal(await operators.run(["revoke", foreign, ...where]), 1);
    assert.match(operators.err, /Nothing was revoked: this is no session id of the configured keys/);
    assert.ok(!operators.err.includes(foreign.slice(0, 16)));
  });

  Deno.test(`revoke by ${way} refuses a moment that is still to come`, STRICT, async () => {
    const town = new Town();
    const before = ["--before", new Date(NOW_MS + 1000).toISOString()];
    assert.equal(await town.operators.run(["revoke", ...before, ...WAYS[way]]), 2);
    assert.match(town.operators.err, /the moment is in the future/);
    assert.equal(town.alive().length, 3);
  });
}

Deno.test("L6: revoke by admin tells how many live sessions ended, by id and by hash", STRICT, async () => {
  const operators = new Operators();
  const { bench, ring } = operators;
  const [key] = ring.keys;
  const open = () => bench.open(bench.seal(ALICE, { nowMs: NOW_MS, key: key! }), ALICE, NOW_MS);
  const [first, second] = [open(), open()];
  const stream = new FakeActive("stream");
  second.enter(stream, NOW_MS);
  assert.equal(await operators.run(["revoke", first.id, ...WAYS.admin], { terminal: true }), 0);
  assert.equal(operators.out, "revoked; 1 live session ended at once\n");
  const hash = shortHash(second.sid).toUpperCase();
  assert.equal(await operators.run(["revoke", "--hash", hash, ...WAYS.admin]), 0);
  assert.deepEqual([operators.json, stream.aborts], [[{ ended: 1 }], ["revoked"]]);
  assert.equal(await operators.run(["revoke", "--hash", hash, ...WAYS.admin]), 1);
  assert.match(operators.err, /no live session has this hash/);
});

Deno.test(
  "L6: revoke by admin says plainly that nobody ended, whom it looked for, and what to check",
  STRICT,
  async () => {
    const operators = new Operators();
    const before = "2026-08-01T11:00:00.000Z";
    const nobody: [string[], RegExp][] = [
      [
        ["--issuer", "https://mistyped.example", "--subject", "alice"],
        /^! No session was ended: none of issuer "https:\/\/mistyped\.example", subject "alice" is live here\. .*in force all the same.* check the issuer and the subject/,
      ],
      [
        ["--issuer", "i\u202e", "--subject", "s", "--before", before],
        /issuer "i\\u202e", subject "s" opened until 2026-08-01T11:00/,
      ],
      [
        ["--before", before],
        /^! No session was ended: none opened until 2026-08-01T11:00:00\.000Z is live here\. It is in force/,
      ],
      [["--all"], /^! No session was ended: none at all is live here\. It is in force all the same/],
      [
        [operators.bench.seal(ALICE, { nowMs: NOW_MS, key: operators.ring.active })],
        /^! No session was ended: none with this id is live here\. Its id is dead all the same/,
      ],
    ];
    for (const [named, told] of nobody) {
      assert.equal(await operators.run(["revoke", ...named, ...WAYS.admin]), 0, operators.err);
      assert.deepEqual(operators.json, [{ ended: 0 }]);
      assert.match(operators.err, told);
    }
  },
);

Deno.test("revoke has nothing to add where sessions have ended", STRICT, async () => {
  const operators = new Operators();
  const id = operators.bench.seal(ALICE, { nowMs: NOW_MS, key: operators.ring.active });
  operators.bench.open(id, ALICE, NOW_MS);
  assert.equal(await operators.run(["revoke", id, ...WAYS.admin]), 0);
  assert.deepEqual([operators.json, operators.err], [[{ ended: 1 }], ""]);
});

Deno.test("L6: revoke on a state file says when it is in force, and that nobody counts there", STRICT, async () => {
  const operators = new Operators();
  const named = ["--issuer", "https://mistyped.example", "--subject", "alice"];
  for (const terminal of [false, true]) {
    assert.equal(await operators.run(["revoke", ...named, ...WAYS.state, ...KEYED], { terminal }), 0, operators.err);
    assert.match(
      operators.err.replaceAll("\n", " "),
      /^A Signet that runs on the state file finds it within a second.*`ended` is null.*--admin/,
    );
    assert.match(
      operators.err.replaceAll("\n", " "),
      /any session of issuer "https:\/\/mistyped\.example", subject "alice" is not known here/,
    );
  }
  assert.equal(operators.out, "revoked; written to the state file\n");
});

Deno.test("L6: a revocation on the state file reaches the Signet that runs on it", STRICT, async () => {
  const operators = new Operators();
  const { bench, revocations, ring } = operators;
  const session = bench.open(bench.seal(ALICE, { nowMs: NOW_MS, key: ring.active }), ALICE, NOW_MS);
  assert.equal(await operators.run(["revoke", session.id, ...WAYS.state, ...KEYED]), 0);
  assert.deepEqual(operators.json, [{ ended: null }], "nobody here can tell");
  revocations.poll();
  assert.equal(session.endReason, "revoked");
});

Deno.test(
  "L6: on a state file, a cut-off is kept for as long as any configuration lets sessions live",
  STRICT,
  async () => {
    const operators = new Operators();
    assert.equal(await operators.run(["revoke", "--all", ...WAYS.state]), 0);
    operators.store.purge(NOW_MS + 364 * 24 * HOUR);
    assert.equal(operators.store.revocations.size(), 1);
  },
);

Deno.test("O2: with --bind-client-id a principal is revoked client by client", STRICT, async () => {
  const operators = new Operators();
  const named = ["--issuer", "https://issuer.example", "--subject", "alice", ...WAYS.state, ...KEYED];
  assert.equal(await operators.run(["revoke", ...named, "--bind-client-id"]), 2);
  assert.match(operators.err, /each OAuth client of a caller is an owner of its own here/);
  assert.equal(await operators.run(["revoke", ...named, "--client-id", "app"]), 2);
  assert.match(operators.err, /not bound to OAuth clients here/);
  assert.equal(await operators.run(["revoke", ...named, "--bind-client-id", "--client-id", "app"]), 0);
  assert.equal(await operators.run(["revoke", ...named, "--bind-client-id", "--client-id", ""]), 0);
  assert.equal(operators.store.revocations.size(), 2 * operators.ring.keys.length);
});

Deno.test("revoke wants exactly one thing named, and whole", STRICT, async () => {
  const cases: [string[], RegExp][] = [
    [[], /It is not said what to revoke/],
    [["id", "--all"], /More than one thing is named/],
    [["--hash", "0123456789ab", "--all"], /More than one thing is named/],
    [["--all", "--before", "2026-08-01T00:00:00Z"], /More than one thing is named/],
    [["--issuer", "i"], /--subject\n {4}Half a principal is named/],
    [["--subject", "s"], /--issuer\n {4}Half a principal is named/],
    [["--client-id", "c", "--before", "2026-08-01T00:00:00Z"], /--issuer\n[\s\S]*--subject\n/],
    [["--hash", "hunter2"], /--hash\n {4}This is no hash of a session/],
    [["--before", "yesterday"], /--before\n {4}"yesterday" is not a moment/],
    [["-"], /Standard input holds no session id/],
    [["--all=false"], /It is not said what to revoke/],
  ];
  for (const [argv, told] of cases) {
    const town = new Town();
    assert.equal(await town.operators.run(["revoke", ...argv, ...WAYS.admin]), 2, argv.join(" "));
    assert.match(town.operators.err, told);
    assert.doesNotMatch(town.operators.err, /hunter2/);
    assert.deepEqual([town.operators.asked, town.alive().length], [[], 3]);
  }
});

Deno.test("revoking ids and principals on a state file wants the key ring", STRICT, async () => {
  const town = new Town();
  for (const argv of [[town.ids["alice"]!], ["--issuer", "i", "--subject", "s"]]) {
    assert.equal(await town.operators.run(["revoke", ...argv, ...WAYS.state]), 2);
    assert.match(town.operators.err, /no key is configured, so ids and owners cannot be told/);
  }
  assert.equal(town.operators.machine.openStates, 0);
});

Deno.test("a hash is asked of a running Signet only", STRICT, async () => {
  const town = new Town();
  const hash = ["revoke", "--hash", "0123456789ab"];
  assert.equal(await town.operators.run([...hash, ...WAYS.state]), 2);
  assert.match(town.operators.err, /--state\n {4}A state file knows no live session by its hash/);
  const env = { SIGNET_STATE: "s.db", SIGNET_ADMIN: "127.0.0.1:9191", SIGNET_ADMIN_TOKEN_FILE: "admin" };
  assert.equal(await town.operators.run(hash, { env }), 1);
  assert.deepEqual(town.operators.asked, ["POST /sessions/revoke"]);
});
