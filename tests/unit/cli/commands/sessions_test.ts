import assert from "node:assert/strict";
import { shortHash } from "../../../../lib/observe/redact.ts";
import { STRICT } from "../../../support/strict.ts";
import { ALICE, BOB, FakeActive } from "../../session/fakes.ts";
import { NOW_MS } from "../fake_machine.ts";
import { Operators, WAYS } from "../operators.ts";

const MINUTE = 60_000;

function withSessions(): { operators: Operators; ids: string[] } {
  const operators = new Operators();
  const { bench, ring } = operators;
  const sessions = [ALICE, BOB].map((owner) => {
    const id = bench.seal(owner, { nowMs: NOW_MS - 3 * MINUTE, ttlMs: 60 * MINUTE, key: ring.active });
    return bench.open(id, owner, NOW_MS - 2 * MINUTE);
  });
  sessions[0]!.enter(new FakeActive("stream"), NOW_MS - MINUTE);
  return { operators, ids: sessions.flatMap(({ id, sid }) => [id, sid]) };
}

Deno.test("sessions lists what is in memory, and no id of it", STRICT, async () => {
  const { operators, ids } = withSessions();
  assert.equal(await operators.run(["sessions", ...WAYS.admin], { terminal: true }), 0, operators.err);
  const lines = operators.out.trimEnd().split("\n");
  assert.match(lines[0]!, /^HASH +CALLER +OPENED +EXPIRES +LAST USED +IN FLIGHT +PROTOCOL +OWNER$/);
  assert.match(lines[1]!, /^[0-9a-f]{12} {2}alice +3m ago {2}in 57m +now +1 +2025-11-25 +\S{22}$/);
  assert.match(lines[2]!, /^[0-9a-f]{12} {2}bob +3m ago {2}in 57m +2m ago +0 +2025-11-25 +\S{22}$/);
  assert.ok(lines[1]!.startsWith(shortHash(ids[1]!)));
  for (const id of ids) assert.ok(!operators.out.includes(id));
});

Deno.test("sessions writes JSON lines where nobody looks, or when asked to", STRICT, async () => {
  const { operators } = withSessions();
  for (const [flags, terminal] of [[[], false], [["--json"], true]] as const) {
    assert.equal(await operators.run(["sessions", ...flags, ...WAYS.admin], { terminal }), 0);
    assert.equal(operators.json.length, 2);
    assert.equal((operators.json[0] as { inFlight: number }).inFlight, 1);
  }
  const none = new Operators();
  assert.equal(await none.run(["sessions", ...WAYS.admin], { terminal: true }), 0);
  assert.equal(none.out, "there are no live sessions\n");
});

Deno.test("sessions has no use for a state file", STRICT, async () => {
  const { operators } = withSessions();
  assert.equal(await operators.run(["sessions", "--state", "s.db", ...WAYS.admin]), 2);
  assert.match(operators.err, /--state\n {4}`signet sessions` has no use for this flag/);
  const env = { SIGNET_STATE: "s.db", SIGNET_ADMIN: "127.0.0.1:9191", SIGNET_ADMIN_TOKEN_FILE: "admin" };
  assert.equal(await operators.run(["sessions"], { env }), 0);
  assert.equal(operators.json.length, 2);
});

Deno.test("V3: sessions fit a terminal of any width, with fewer columns where it is narrow", STRICT, async () => {
  const { operators } = withSessions();
  const widest = new Map<number, number>();
  for (const columns of [40, 60, 80, 200]) {
    assert.equal(await operators.run(["sessions", ...WAYS.admin], { terminal: true, columns }), 0);
    const lines = operators.out.trimEnd().split("\n");
    for (const line of lines) assert.ok(line.length <= columns, line);
    assert.match(lines[1]!, /^[0-9a-f]{12} {2}alice\b/, "a name rather than a fingerprint");
    widest.set(columns, lines[0]!.trim().split(/ {2,}/).length);
  }
  assert.deepEqual([...widest.values()], [4, 6, 7, 8]);
});
