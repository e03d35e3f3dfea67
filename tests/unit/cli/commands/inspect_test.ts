import assert from "node:assert/strict";
import { parseKeyRing } from "../../../../lib/envelope/key_ring.ts";
import { fingerprintOwner } from "../../../../lib/envelope/owner_fingerprint.ts";
import { newSid, sealSession } from "../../../../lib/envelope/session_id.ts";
import type { SealedSession } from "../../../../lib/envelope/session_payload.ts";
import { encodeSeveralId, SEVERAL_URL } from "../../../../lib/envelope/several_id.ts";
import { shortHash } from "../../../../lib/observe/redact.ts";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine, type MachineOptions, NOW_MS } from "../fake_machine.ts";

const HOUR = 3_600_000;
const OLD = btoa("o".repeat(32));
const NEW = btoa("n".repeat(32));
const RING = { files: { ring: `${NEW}\n${OLD}\n` } };

function session(changes: Partial<SealedSession> = {}): SealedSession {
  return {
    sid: newSid((length) => new Uint8Array(length).fill(9)),
    owner: fingerprintOwner(parseKeyRing(OLD, "test").active, { issuer: "https://i", subject: "alice" }),
    issuedAtMs: NOW_MS - 2 * HOUR - 5 * 60_000,
    expiresAtMs: NOW_MS + 22 * HOUR,
    protocolVersion: "2025-11-25",
    clientInfo: { name: "claude", version: "1.2" },
    capabilities: { sampling: {}, roots: {} },
    upstreams: { "http://127.0.0.1:3000/mcp?key=hunter2": { "mcp-session-id": "hunter2", "x-tenant": "hunter2" } },
    ...changes,
  };
}

async function inspect(id: string, options: MachineOptions = RING, ...flags: string[]) {
  const machine = new FakeMachine(options);
  const code = await machine.run("inspect", id, "--key-file", "ring", ...flags);
  return { code, out: machine.stdout, err: machine.stderr };
}

const sealWith = (key: string, changes?: Partial<SealedSession>) =>
  sealSession(parseKeyRing(key, "test").active, session(changes));

Deno.test("inspect tells owner, times, key, client and upstreams", STRICT, async () => {
  const { code, out } = await inspect(sealWith(NEW));
  assert.equal(code, 0);
  assert.match(out, new RegExp(`^owner +${session().owner}$`, "m"));
  assert.match(out, new RegExp(`^in the log +session=${shortHash(session().sid)}$`, "m"));
  assert.match(out, /^issued +2026-08-01T09:55:00\.000Z \(2h 5m ago\)$/m);
  assert.match(out, /^expires +2026-08-02T10:00:00\.000Z \(in 22h\)$/m);
  assert.match(out, new RegExp(`^key +${parseKeyRing(NEW, "test").active.id}$`, "m"));
  assert.match(out, /^protocol +2025-11-25$/m);
  assert.match(out, /^client +claude 1\.2$/m);
  assert.match(out, /^capabilities +roots, sampling$/m);
  assert.match(out, /^upstream +http:\/\/127\.0\.0\.1:3000\/mcp$/m);
  assert.match(out, /^ {2}headers +mcp-session-id, x-tenant$/m);
});

Deno.test(
  "PROTOCOL 2: inspect shows no value of a sealed header, no query of an upstream, and not the id",
  STRICT,
  async () => {
    const id = sealWith(NEW);
    const { out, err } = await inspect(id);
    assert.doesNotMatch(out + err, /hunter2/);
    assert.ok(!out.includes(id.slice(0, 24)));
  },
);

Deno.test("E5: inspect says when the key opens only", STRICT, async () => {
  const { code, out } = await inspect(sealWith(OLD));
  assert.equal(code, 0);
  assert.match(out, /^key +[0-9a-f]{8} \(opens only; no longer seals\)$/m);
});

Deno.test("L8: inspect exits 1 for an expired id, from the very millisecond on", STRICT, async () => {
  const now = await inspect(sealWith(NEW, { expiresAtMs: NOW_MS }));
  assert.equal(now.code, 1);
  assert.match(now.out, /^expires +EXPIRED /m);
  assert.equal((await inspect(sealWith(NEW, { expiresAtMs: NOW_MS + 1 }))).code, 0);
});

Deno.test("E8: inspect tells every id that does not open alike, without showing it", STRICT, async () => {
  const id = sealWith(NEW);
  const other = sealWith(btoa("x".repeat(32)));
  const flipped = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
  const outcomes = [];
  for (const text of [other, flipped, id.slice(1), "nonsense", "!".repeat(40), "0".repeat(100_000)]) {
    const { code, out, err } = await inspect(text);
    assert.ok(!err.includes(text.slice(0, 16)) && out === "", err);
    outcomes.push(`${code} ${err}`);
  }
  assert.deepEqual(new Set(outcomes).size, 1);
  assert.match(outcomes[0]!, /^1 signet: The id does not open/);
});

Deno.test("inspect reads the id from standard input when asked to", STRICT, async () => {
  const { code, out } = await inspect("-", { ...RING, stdin: `${sealWith(NEW)}\n` });
  assert.equal(code, 0);
  assert.match(out, /^owner/);
});

Deno.test("inspect wants an id and a configured key", STRICT, async () => {
  assert.equal((await inspect("-", { ...RING, stdin: "\n" })).code, 2);
  const noKey = new FakeMachine();
  assert.equal(await noKey.run("inspect", sealWith(NEW)), 2);
  assert.match(noKey.stderr, /no key is configured/);
  const noId = new FakeMachine(RING);
  assert.equal(await noId.run("inspect", "--key-file", "ring"), 2);
});

Deno.test("inspect shows nothing a client put in its name to drive the terminal", STRICT, async () => {
  const { out } = await inspect(
    sealWith(NEW, { clientInfo: { name: "a\x1b[2J\u202eb\nowner fake" }, capabilities: { "x\n": {} } }),
  );
  assert.match(out, /^client +a\\u001b\[2J\\u202eb\\u000aowner fake$/m);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f]/);
});

Deno.test(
  "A1 PROTOCOL 2: inspect names the members of a session over several servers, and none of their ids",
  STRICT,
  async () => {
    const id = encodeSeveralId({
      run: "00112233445566778899aabb",
      separator: "_",
      members: [
        { name: "files", url: "http://127.0.0.1:3001/mcp?key=hunter2", state: "hunter2" },
        { name: "memory", url: "stdio:memory", state: undefined },
        { name: "missed", url: "http://127.0.0.1:3002/mcp", state: undefined },
      ],
    });
    const { out } = await inspect(sealWith(NEW, { upstreams: { [SEVERAL_URL]: { "mcp-session-id": id } } }));
    assert.match(out, /^ {2}member +files = http:\/\/127\.0\.0\.1:3001\/mcp$/m);
    assert.match(out, /^ {2}member +memory = stdio:memory$/m); // a process of its own, whenever it is used
    assert.match(out, /^ {2}member +missed = http:\/\/127\.0\.0\.1:3002\/mcp \(no session\)$/m);
    assert.doesNotMatch(out, /hunter2/);
  },
);

Deno.test(
  "PROTOCOL 2: inspect writes the same as JSON when asked to, and no value of a sealed header",
  STRICT,
  async () => {
    const { code, out } = await inspect(sealWith(NEW), RING, "--json");
    assert.equal(code, 0);
    assert.doesNotMatch(out, /hunter2/);
    const told = JSON.parse(out);
    assert.deepEqual([told.owner, told.hash, told.expired, told.seals], [
      session().owner,
      shortHash(session().sid),
      false,
      true,
    ]);
    assert.deepEqual(told.upstreams, [{ url: "http://127.0.0.1:3000/mcp", headers: ["mcp-session-id", "x-tenant"] }]);
  },
);
