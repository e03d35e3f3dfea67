// Sessions that stateless clients share at a server with sessions, over restarts of Signet (docs/behaviour.md S3): kept
// sealed in the state file, gone on with by the next process, ended once, and never anybody else's.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { parseKeyRing } from "../../lib/envelope/key_ring.ts";
import { count, CountingServer } from "../support/counting_server.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { startSeveral } from "../support/several.ts";
import { freshRing, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** A place for a state file, and Signets with one ring that start on it, one after the other or at once. */
async function scene(more: readonly string[] = []) {
  const folder = await TempFolder.create();
  const state = `${folder.path}/state`;
  const ring = freshRing();
  const start = (server: FakeMcp, flags: readonly string[] = []) =>
    TestSignet.start({ upstream: server.url, ring, flags: ["--state", state, ...more, ...flags] });
  return { state, ring, start, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** What is kept: key → text. */
function rows(state: string): Map<string, string> {
  const database = new DatabaseSync(state);
  try {
    return new Map(
      database.prepare("SELECT sid, text FROM pool").all().map((row) => [String(row.sid), String(row.text)]),
    );
  } finally {
    database.close();
  }
}

function put(state: string, sid: string, text: string): void {
  const database = new DatabaseSync(state);
  try {
    database.prepare("UPDATE pool SET text = ? WHERE sid = ?").run(text, sid);
  } finally {
    database.close();
  }
}

Deno.test(
  "S3: a caller's state at the server outlives restarts of Signet, and is each caller's own",
  STRICT,
  async () => {
    await using server = new CountingServer();
    await using issuer = await TestIssuer.create();
    await using at = await scene(issuer.flags);
    const alice = { token: await issuer.token("alice") }, bob = { token: await issuer.token("bob") };
    const first = await at.start(server);
    assert.deepEqual([await count(first, alice), await count(first, bob), await count(first, alice)], [1, 1, 2]);
    await first[Symbol.asyncDispose]();
    assert.equal(server.received("DELETE").length, 0, "it stays at the server");
    await using second = await at.start(server);
    assert.deepEqual([await count(second, bob), await count(second, alice), await count(second, bob)], [2, 3, 3]);
    assert.equal(await count(second, { ...alice, capabilities: { sampling: {} } }), 1, "another kind of client");
    assert.equal(server.received("POST", "initialize").length, 3);
    assert.equal(server.received("POST", "notifications/initialized").length, 3);
    const discovered = await answered(ask(second, "server/discover", {}, alice));
    assert.deepEqual(discovered.result.capabilities, { tools: {} }, "what the server said of itself is kept");
    assert.equal(discovered.result._meta["io.modelcontextprotocol/serverInfo"].name, "fake");
  },
);

Deno.test("S3: so does it where the process was killed: the next one goes on beside it", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene();
  await using first = await at.start(server);
  assert.equal(await count(first), 1);
  // As if it were gone: it says nothing of its end.
  await using second = await at.start(server);
  assert.deepEqual([await count(second), await count(second)], [2, 3]);
  assert.equal(server.received("POST", "initialize").length, 1);
});

Deno.test("S3: of processes that ask at once one opens the session", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene();
  await using first = await at.start(server);
  await using second = await at.start(server);
  const counts = await Promise.all([first, second, first, second].map((signet) => count(signet)));
  assert.deepEqual(counts.sort(), [1, 2, 3, 4]);
  assert.equal(server.received("POST", "initialize").length, 1);
});

Deno.test("L4 S3: a session that the server has lost is opened once, and the others go there", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene();
  await using first = await at.start(server);
  await using second = await at.start(server);
  assert.deepEqual([await count(first), await count(second)], [1, 2]);
  server.forgetSessions();
  assert.deepEqual([await count(first), await count(second), await count(first)], [1, 2, 3]);
  assert.equal(server.received("POST", "initialize").length, 2);
  assert.equal(server.ran.get("count"), 5, "nothing ran twice");
});

Deno.test("S3: a session that is lost over a restart is opened anew", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene();
  const first = await at.start(server);
  assert.equal(await count(first), 1);
  await first[Symbol.asyncDispose]();
  server.forgetSessions();
  const second = await at.start(server);
  assert.deepEqual([await count(second), await count(second)], [1, 2]);
  await second[Symbol.asyncDispose]();
  await using third = await at.start(server);
  assert.equal(await count(third), 3, "the one that took its place is kept");
});

Deno.test("S3: one that is idle ends at the server, and nobody finds it again", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene(["--session-idle", "1s"]);
  const first = await at.start(server);
  assert.equal(await count(first), 1);
  assert.equal(rows(at.state).size, 1);
  await until(() => server.received("DELETE").length === 1, "the session to be idle");
  assert.equal(rows(at.state).size, 0);
  await first[Symbol.asyncDispose]();
  await using second = await at.start(server);
  assert.equal(await count(second), 1);
});

Deno.test("S3: one that another process uses does not end where it is idle", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene();
  await using first = await at.start(server, ["--session-idle", "1s"]);
  await using second = await at.start(server);
  assert.deepEqual([await count(second), await count(first)], [1, 2]);
  await until(
    async () => await first.metric('signet_bridged_entries{what="shared"}') === 0,
    "the first to let go of it",
  );
  assert.equal(await count(second), 3);
  assert.equal(server.received("DELETE").length, 0);
});

Deno.test("S3: what is kept is sealed, and leads nobody into another's session", STRICT, async () => {
  await using server = new CountingServer();
  await using issuer = await TestIssuer.create();
  await using at = await scene(issuer.flags);
  const alice = { token: await issuer.token("alice") }, mallory = { token: await issuer.token("mallory") };
  const first = await at.start(server);
  assert.deepEqual([await count(first, alice), await count(first, alice)], [1, 2]);
  const [hers] = [...rows(at.state)];
  assert.equal(await count(first, mallory), 1);
  await first[Symbol.asyncDispose]();
  const file = await Deno.readTextFile(at.state);
  for (const secret of [...server.sessions, "alice", "mallory"]) assert.ok(!file.includes(secret), secret);
  const [his] = [...rows(at.state)].filter(([sid]) => sid !== hers![0]);
  // Whoever can write there puts hers in his place, cuts it, and turns one letter over.
  const second = await at.start(server);
  put(at.state, his![0], hers![1]);
  assert.equal(await count(second, mallory), 1, "one of his own, opened anew");
  await second[Symbol.asyncDispose]();
  for (const changed of [hers![1].slice(0, -1), "", `x${hers![1].slice(1)}`, "{}"]) {
    await using third = await at.start(server);
    put(at.state, hers![0], changed);
    assert.equal(await count(third, alice), 1);
  }
  // An older text of her own leads into her own session, or nowhere.
  await using fourth = await at.start(server);
  put(at.state, hers![0], hers![1]);
  assert.equal(await count(fourth, alice), 3);
});

Deno.test("E5 S3: it is gone on with under a rotated key, and under that alone from then on", STRICT, async () => {
  await using server = new CountingServer();
  await using at = await scene();
  const [old, young] = [newKey(), newKey()];
  const start = (keys: string) =>
    TestSignet.start({ upstream: server.url, ring: parseKeyRing(keys, "test"), flags: ["--state", at.state] });
  const counts: number[] = [];
  for (const keys of [old, `${young},${old}`, young, old]) {
    await using signet = await start(keys);
    counts.push(await count(signet));
  }
  assert.deepEqual(counts, [1, 2, 3, 1], "a removed key opens nothing");
});

Deno.test("M4 S3: a session of one server is never asked for at another's address", STRICT, async () => {
  await using server = new CountingServer();
  await using elsewhere = new CountingServer();
  await using at = await scene();
  const first = await at.start(server);
  assert.equal(await count(first), 1);
  await first[Symbol.asyncDispose]();
  await using second = await at.start(elsewhere);
  assert.equal(await count(second), 1);
  const asked = elsewhere.requests.map(({ sessionId }) => sessionId);
  assert.ok([...server.sessions].every((id) => !asked.includes(id)));
});

Deno.test("S3: so do the sessions of each of several servers", STRICT, async () => {
  await using left = new CountingServer();
  await using right = new CountingServer();
  await using at = await scene();
  const start = () => startSeveral({ left, right }, { ring: at.ring, flags: ["--state", at.state] });
  const first = await start();
  assert.deepEqual([await count(first, {}, "left_count"), await count(first, {}, "left_count")], [1, 2]);
  assert.equal(await count(first, {}, "right_count"), 1);
  await first[Symbol.asyncDispose]();
  assert.equal(left.received("DELETE").length + right.received("DELETE").length, 0);
  right.forgetSessions();
  await using second = await start();
  assert.equal(await count(second, {}, "left_count"), 3);
  assert.equal(await count(second, {}, "right_count"), 1, "one that has lost its own is opened anew by itself");
  assert.deepEqual([left, right].map((server) => server.received("POST", "initialize").length), [1, 2]);
});

function newKey(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64();
}
