// R1: several workers on one machine are one Signet: whichever takes a connection, sessions meet their own state, what is
// revoked is refused, and what ends one of them ends nothing else.
import assert from "node:assert/strict";
import type { StateView } from "../../lib/admin/state_view.ts";
import { parseKeyRing } from "../../lib/envelope/key_ring.ts";
import { openSession } from "../../lib/envelope/session_id.ts";
import { CLIENT_SANITIZERS, connectClient } from "../support/mcp_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey } from "../support/mcp_signet.ts";
import { census, CENSUS_VARIABLE, nobodyLeft } from "../support/process_census.ts";
import { signetCli } from "../support/signet_cli.ts";
import { FIXTURE } from "../support/stdio.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { PATIENCE_MS, until } from "../support/until.ts";
import { Workers } from "../support/workers.ts";

const STDIO = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", FIXTURE];
const OPTIONS = { ...CLIENT_SANITIZERS, ignore: Deno.build.os !== "linux" };

/** What `count` of the stdio fixture answers: how often it was called in its process. */
function countOf(message: Record<string, unknown> | undefined): unknown {
  const [content] = (message?.result as { content: [{ text: string }] } | undefined)?.content ?? [];
  return content === undefined ? message : JSON.parse(content.text).count;
}

interface Sessions {
  readonly sessions: readonly { readonly hash: string }[];
}

/** A session that one worker has is watched in all of them. */
async function watchesAll(workers: Workers): Promise<void> {
  const before = new Set((await workers.admin<Sessions>("/sessions")).sessions.map(({ hash }) => hash));
  const id = await workers.open();
  const { sessions } = await workers.admin<Sessions>("/sessions");
  const [added] = sessions.filter(({ hash }) => !before.has(hash));
  const response = await fetch(`${workers.signet.adminUrl}/sessions/tap?hash=${added!.hash}`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const deadline = setTimeout(() => void reader.cancel(), PATIENCE_MS);
  let text = (await reader.read()).value ?? "";
  for (let i = 0; i < 8; i++) await workers.call(id, "count");
  const events = () => text.split("data: ").length - 1;
  for (let done = false; !done && events() < 8;) {
    const read = await reader.read();
    done = read.done;
    text += read.value ?? "";
  }
  clearTimeout(deadline);
  await reader.cancel();
  assert.equal(events(), 8, text);
}

Deno.test(
  "R1 L4 P2: sessions of a stdio server meet their own process by any worker, and outlive it",
  OPTIONS,
  async () => {
    const token = crypto.randomUUID();
    await using workers = await Workers.start(3, {
      upstream: STDIO,
      args: ["--stdio-inherit", "DENO_DIR", "--stdio-inherit", CENSUS_VARIABLE],
      env: { [CENSUS_VARIABLE]: token },
    });
    const ids = await Promise.all(Array.from({ length: 6 }, () => workers.open()));
    for (let round = 1; round <= 6; round++) {
      const answers = await Promise.all(ids.map((id) => workers.call(id, "count")));
      assert.deepEqual(answers.map(({ message }) => countOf(message)), ids.map(() => round), `round ${round}`);
    }
    assert.equal(await workers.metric("signet_sessions_opened_total"), 6);
    assert.ok(await workers.metric('signet_hops_total{outcome="passed"}') > 0, "some were passed on");
    const { workers: told, replicas, checks } = await workers.admin<StateView>("/state");
    assert.deepEqual(checks.store, undefined, "the store that workers share is none that is configured");
    assert.deepEqual([told, replicas?.peers.length], [3, 3], "all workers, where one alone tells of the others");
    const passed = replicas!.peers.reduce((all, { passed }) => all + passed, 0);
    assert.deepEqual([replicas!.hops.passed, replicas!.received], [passed, passed]);

    await watchesAll(workers);

    const [first] = workers.pids();
    Deno.kill(first!, "SIGKILL");
    await until(async () => await workers.metric("signet_worker_ends_total") === 1, "the end to be noticed");
    await workers.allUp(3);
    for (const id of ids) {
      const { status, message } = await workers.call(id, "count");
      assert.equal(status, 200);
      assert.ok(countOf(message) === 7 || countOf(message) === 1, "its own process, or a new one");
    }
    assert.equal((await workers.signet.kill("SIGTERM")).code, 0);
    await nobodyLeft(token);
  },
);

Deno.test("R2: the address of a worker serves its neighbours alone, whoever else asks there", OPTIONS, async () => {
  const key = newKey();
  await using workers = await Workers.start(2, {
    upstream: STDIO,
    args: ["--stdio-inherit", "DENO_DIR"],
    env: { MCP_ENCRYPTION_KEY: key },
  });
  const id = await workers.open();
  const opened = openSession(parseKeyRing(key, "the test"), id);
  assert.ok(opened.ok && opened.session.home !== undefined);
  const { home } = opened.session;
  for (const origin of [home, new URL(workers.signet.url).origin]) {
    const { status, text } = await workers.sendTo(`${origin}/mcp`, id);
    assert.equal(status, origin === home ? 403 : 200, text);
  }
});

Deno.test("R1: no worker, and no server, outlives the process that has started them", OPTIONS, async () => {
  const token = crypto.randomUUID();
  await using workers = await Workers.start(2, {
    upstream: STDIO,
    args: ["--stdio-inherit", "DENO_DIR", "--stdio-inherit", CENSUS_VARIABLE],
    env: { [CENSUS_VARIABLE]: token },
  });
  await Promise.all(Array.from({ length: 4 }, () => workers.open()));
  assert.ok(census(token).length >= 1 + 2 + 4);
  await workers.signet.kill("SIGKILL");
  await nobodyLeft(token);
});

Deno.test(
  "P2 R1: a worker that somebody has stopped ends with the others when Signet is told to",
  OPTIONS,
  async () => {
    const token = crypto.randomUUID();
    await using workers = await Workers.start(2, {
      upstream: "http://127.0.0.1:9/mcp",
      env: { [CENSUS_VARIABLE]: token },
    });
    Deno.kill(workers.pids()[0]!, "SIGSTOP");
    const since = Date.now();
    assert.equal((await workers.signet.kill("SIGTERM")).code, 0);
    // Past its time-outs it would be killed, in some forty seconds.
    assert.ok(Date.now() - since < 20_000, `it took ${Date.now() - since} ms`);
    await nobodyLeft(token);
  },
);

Deno.test("P2: signals that Signet has no use for end neither it nor a worker", OPTIONS, async () => {
  await using workers = await Workers.start(2, { upstream: "http://127.0.0.1:9/mcp" });
  const pids = workers.pids();
  for (const [at, signal] of (["SIGUSR1", "SIGUSR2"] as const).entries()) {
    for (const pid of pids) Deno.kill(pid, signal);
    workers.signet.signal(signal);
    await workers.signet.waitForEvent("a signal that changes nothing", at + 1);
  }
  for (const pid of pids) Deno.kill(pid, "SIGQUIT");
  await workers.allUp(2);
  assert.deepEqual(workers.pids(), pids);
  assert.equal((await workers.signet.kill("SIGQUIT")).code, 0);
});

Deno.test("R1 R4: workers before one server share its sessions, what is revoked, and keys", OPTIONS, async () => {
  await using folder = await TempFolder.create();
  await using fixture = await startFixture("sdk1");
  await Deno.writeTextFile(`${folder.path}/ring.keys`, newKey(), { mode: 0o600 });
  await using workers = await Workers.start(2, {
    upstream: fixture.url,
    args: ["--key-file", `${folder.path}/ring.keys`, "--audit", `${folder.path}/audit.jsonl`],
  });
  const note = async (id: string) =>
    (await workers.send("resources/read", { uri: "fixture://notes/mine" }, id)).message;
  const id = await workers.open();
  await workers.call(id, "note", { id: "mine", text: "kept" });
  for (let i = 0; i < 8; i++) assert.match(JSON.stringify(await note(id)), /kept/);
  assert.equal(await workers.metric('signet_hops_total{outcome="passed"}'), 0);

  // A new key is known to all before any seals with it.
  await Deno.writeTextFile(
    `${folder.path}/ring.keys`,
    `${newKey()}\n${await Deno.readTextFile(`${folder.path}/ring.keys`)}`,
  );
  workers.signet.signal("SIGHUP");
  const opened = [];
  for (let i = 0; i < 10; i++) {
    const next = await workers.open();
    opened.push(next);
    for (const known of [id, next]) assert.equal((await workers.send("ping", {}, known)).status, 200);
  }
  await workers.signet.waitForEvent("reloaded");
  assert.equal(await workers.metric('signet_reloads_total{outcome="ok"}'), 1);

  const { sessions, total } = await workers.admin<{ sessions: { hash: string }[]; total: number }>("/sessions");
  assert.equal(total, 11);
  assert.deepEqual(await workers.admin("/sessions/revoke", { kind: "session", id }), { ended: 1 });
  for (let i = 0; i < 8; i++) assert.equal((await workers.send("ping", {}, id)).status, 404);
  assert.equal(sessions.length, 11);

  for (const pid of workers.pids()) {
    Deno.kill(pid, "SIGKILL");
    await until(() => !workers.pids().includes(pid), "the worker to end");
    await workers.allUp(2);
  }
  for (const known of opened) assert.equal((await workers.send("ping", {}, known)).status, 200);
  assert.equal((await workers.send("ping", {}, id)).status, 404, "it stays revoked for workers that come later");
  assert.equal(await workers.metric("signet_sessions_opened_total"), 11, "what they had counted stays counted");
  assert.equal((await workers.signet.kill("SIGTERM")).code, 0);
  for (const number of [1, 2]) {
    const path = `${folder.path}/audit.worker-${number}.jsonl`;
    const verified = await signetCli(["audit", "verify", path, "--key-file", `${folder.path}/ring.keys`]);
    assert.equal(verified.code, 0, verified.err);
  }
});

Deno.test(
  "R1: unmodified clients keep their sessions over several workers while one of them is killed",
  OPTIONS,
  async () => {
    await using fixture = await startFixture("sdk1");
    await using workers = await Workers.start(2, { upstream: fixture.url });
    const clients = await Promise.all(
      Array.from({ length: 6 }, (_, at) => connectClient(at % 2 === 0 ? "v1" : "v2", workers.signet.url)),
    );
    try {
      for (const [at, { client }] of clients.entries()) await client.call("note", { id: "mine", text: `of ${at}` });
      Deno.kill(workers.pids()[0]!, "SIGKILL");
      await until(async () => await workers.metric("signet_worker_ends_total") === 1, "the end to be noticed");
      await workers.allUp(2);
      for (const [at, { client }] of clients.entries()) {
        assert.equal(await client.readResource("fixture://notes/mine"), `of ${at}`);
      }
    } finally {
      for (const each of clients) await each[Symbol.asyncDispose]();
    }
  },
);

Deno.test(
  "G5 L6: a rate is exact over workers, and what was revoked outlives them with a state file",
  OPTIONS,
  async () => {
    await using folder = await TempFolder.create();
    await using fixture = await startFixture("sdk1");
    const state = ["--state", `${folder.path}/state.db`];
    const env = { MCP_ENCRYPTION_KEY: newKey() };
    await using workers = await Workers.start(3, {
      ...{ upstream: fixture.url, env },
      args: [...state, "--rate", "5/h tool=*"],
    });
    const ids = [await workers.open(), await workers.open(), await workers.open()];
    const answers = await Promise.all(
      Array.from({ length: 15 }, () => workers.call(ids[0]!, "echo", { text: "mine" })),
    );
    const allowed = answers.filter(({ message }) => JSON.stringify(message).includes('"mine"'));
    assert.equal(allowed.length, 5);

    await workers.admin("/sessions/revoke", { kind: "session", id: ids[0] });
    // By a command that asks no Signet: workers hear of it all the same.
    const revoked = await signetCli(["revoke", ids[1]!, ...state], { env });
    assert.equal(revoked.code, 0, revoked.err);
    const isRefused = async (id: string) => (await workers.send("ping", {}, id)).status === 404;
    const allRefuse = async () =>
      (await Promise.all(Array.from({ length: 8 }, () => isRefused(ids[1]!)))).every(Boolean);
    await until(allRefuse, "the command's word to reach all workers");
    await workers.signet.restart();
    await workers.allUp(3);
    for (let i = 0; i < 6; i++) {
      const refused = [];
      for (const id of ids) refused.push(await isRefused(id));
      assert.deepEqual(refused, [true, true, false]);
    }
  },
);

Deno.test("R4 P2: a new key whose reload is refused opens nothing in any worker", OPTIONS, async () => {
  await using folder = await TempFolder.create();
  const [keys, secrets, config] = ["ring.keys", "secrets", "signet.yaml"].map((name) => `${folder.path}/${name}`);
  await Deno.writeTextFile(keys!, newKey(), { mode: 0o600 });
  await Deno.writeTextFile(secrets!, newKey(), { mode: 0o600 });
  await Deno.writeTextFile(config!, "principal: [anonymous]\n");
  await using workers = await Workers.start(2, {
    upstream: "http://127.0.0.1:9/mcp",
    args: ["--key-file", keys!, "--config", config!],
  });
  assert.equal(await workers.metric("signet_keys"), 1);
  await Deno.writeTextFile(keys!, `${await Deno.readTextFile(keys!)}\n${newKey()}`);
  // Only a worker finds out that this needs a restart.
  await Deno.writeTextFile(config!, `principal: [token]\ntoken-secret-file: ${secrets}\n`);
  workers.signet.signal("SIGHUP");
  await workers.signet.waitForEvent("reload refused; keys and configuration stay as they were");
  assert.equal(await workers.metric("signet_keys"), 1);
  await Deno.writeTextFile(config!, "principal: [anonymous]\n");
  workers.signet.signal("SIGHUP");
  await workers.signet.waitForEvent("reloaded");
  assert.equal(await workers.metric("signet_keys"), 2);
});

Deno.test("P3: what keeps workers from starting is said once", OPTIONS, async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const upstream = ["--upstream", "http://127.0.0.1:9/mcp", "--admin", "off"];
  const inUse = await signetCli([
    ...["serve", "--workers", "2", "--listen", `127.0.0.1:${taken.addr.port}`, ...upstream],
  ]);
  assert.equal(inUse.code, 3);
  assert.equal(inUse.err.match(/address is in use/g)?.length, 1, inUse.err);
  // What a worker alone finds out is said once, too.
  const noProgram = await signetCli([
    "serve",
    "--workers",
    "3",
    "--listen",
    "127.0.0.1:0",
    "--admin",
    "off",
    "--",
    "/no/such/program",
  ]);
  assert.equal(noProgram.code, 2);
  assert.equal(noProgram.err.match(/\/no\/such\/program/g)?.length, 1, noProgram.err);
  const refused = await signetCli([
    "serve",
    "--workers",
    "2",
    "--advertise",
    "http://127.0.0.1:1",
    "--audit",
    "stdout",
    ...upstream,
  ]);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /--advertise[^]*--audit|--audit[^]*--advertise/);
});

Deno.test("T2 R1: a worker that comes back knows the secrets that all began with", OPTIONS, async () => {
  await using folder = await TempFolder.create();
  await using fixture = await startFixture("sdk1");
  const secretFile = `${folder.path}/token.secret`;
  await Deno.writeTextFile(secretFile, newKey(), { mode: 0o600 });
  await using workers = await Workers.start(2, {
    upstream: fixture.url,
    args: ["--principal", "token", "--token-secret-file", secretFile],
  });
  const { token } = await workers.admin<{ token: string }>("/tokens", { agent: "a", ttlMs: 60_000 });
  // Rotated in the file: in force once Signet is started anew, for none of them before.
  await Deno.writeTextFile(secretFile, newKey());
  for (const [at, pid] of workers.pids().entries()) {
    Deno.kill(pid, "SIGKILL");
    await until(async () => await workers.metric("signet_worker_ends_total") === at + 1, "the end to be noticed");
    await workers.allUp(2);
    for (let i = 0; i < 8; i++) assert.equal(await workers.probe(token), 200);
    // The second one finds none at all.
    if (at === 0) await Deno.remove(secretFile);
  }
});

Deno.test(
  "T2 R1: a worker that comes back has the key set that all have, until a reload reads another",
  OPTIONS,
  async () => {
    await using fixture = await startFixture("sdk1");
    await using issuer = await TestIssuer.create();
    await using workers = await Workers.start(2, { upstream: fixture.url, args: issuer.flags });
    const token = await issuer.token("alice");
    const keys = await Deno.readTextFile(issuer.jwksFile);
    await Deno.writeTextFile(issuer.jwksFile, '{"keys":[]}');
    for (const [at, pid] of workers.pids().entries()) {
      Deno.kill(pid, "SIGKILL");
      await until(async () => await workers.metric("signet_worker_ends_total") === at + 1, "the end to be noticed");
      await workers.allUp(2);
      for (let i = 0; i < 8; i++) assert.equal(await workers.probe(token), 200);
      // The second one finds none at all.
      if (at === 0) await Deno.remove(issuer.jwksFile);
    }
    await Deno.writeTextFile(issuer.jwksFile, keys.replaceAll(/"kid":"[^"]*"/g, '"kid":"another"'));
    workers.signet.signal("SIGHUP");
    await workers.signet.waitForEvent("reloaded");
    for (let i = 0; i < 8; i++) assert.equal(await workers.probe(token), 401);
  },
);
