// A server's life and end: nothing it has started is ever left behind (docs/behaviour.md B1–B3, B5, B7). The census
// walks /proc for every process that carries the test's token.
import assert from "node:assert/strict";
import type { Outbox } from "../../lib/bridge/answers/outbox.ts";
import type { UpstreamSessionId } from "../../lib/envelope/session_id.ts";
import { SignetError } from "../../lib/errors.ts";
import type { ServerCommand } from "../../lib/upstream/stdio/launch.ts";
import { ProcFilesystem } from "../../lib/upstream/stdio/process_table.ts";
import { census, HAS_CENSUS, nobodyLeft } from "../support/process_census.ts";
import { fixture, initializeMessage, readAnswer, TestStdio, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
if (!HAS_CENSUS) console.error("IGNORED: process life needs /proc to count processes: run these tests on Linux");

/** What a refusal must be, for `assert.rejects`. */
function refusal(code: string, retryAfterS: number): (error: unknown) => boolean {
  return (error) => error instanceof SignetError && error.code === code && error.detail.retryAfterS === retryAfterS;
}

/** Short waits: what is tested is the order of the steps, not their length. */
const QUICK = { stdinGraceMs: 50, killAfterMs: 50 };

Deno.test("B1: a process lives with its session, not with the request that made it", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const [one, other] = [await stdio.open(), await stdio.open()];
  const seen = [];
  for (const [i, session] of [one, other, one, one, other].entries()) seen.push(await session.call(i, "count"));
  assert.deepEqual(seen.map(({ count }) => count), [1, 1, 2, 3, 2]);
  const pids = seen.map(({ pid }) => pid);
  assert.equal(new Set([pids[0], pids[2], pids[3]]).size, 1);
  assert.equal(new Set(pids).size, 2);
});

Deno.test("B2: DELETE leaves nobody", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  assert.ok(census(stdio.token).length > 0);
  await session.delete();
  await nobodyLeft(stdio.token);
  await until(() => stdio.upstream.slots.total === 0, "the place is free again");
});

Deno.test("L7: release leaves nobody", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const { sessionId } = await stdio.post(initializeMessage());
  stdio.upstream.release(sessionId as UpstreamSessionId);
  await nobodyLeft(stdio.token);
});

Deno.test("B2: a server that ignores a closed stdin and SIGTERM is killed", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--ignore-close", "--ignore-term"), limits: QUICK });
  const session = await stdio.open();
  await session.delete();
  await nobodyLeft(stdio.token);
});

for (const detached of [false, true]) {
  for (const holdPipes of [false, true]) {
    const where = `${detached ? "in a session of its own" : "in the group"}${holdPipes ? ", holding the pipes" : ""}`;
    Deno.test(`B2: a grandchild that ignores every signal it can goes too (${where})`, OPTIONS, async () => {
      await using stdio = new TestStdio({ limits: QUICK });
      const session = await stdio.open();
      await session.call(1, "grandchild", { detached, holdPipes });
      assert.ok(census(stdio.token).length >= 2);
      await session.delete();
      await nobodyLeft(stdio.token);
      await until(() => stdio.upstream.slots.total === 0, "the place is free again");
    });

    Deno.test(`B2: a grandchild goes when its server crashes (${where})`, OPTIONS, async () => {
      await using stdio = new TestStdio({ limits: QUICK });
      const session = await stdio.open();
      await session.call(1, "grandchild", { detached, holdPipes });
      const { messages } = await session.post(toolCall(2, "crash"));
      assert.match((messages[0]!.error as { message: string }).message, /ended before it answered/);
      await nobodyLeft(stdio.token);
    });
  }
}

Deno.test("B2: a server under a shell goes with the shell", OPTIONS, async () => {
  const { command, args } = fixture();
  const script = `${command} ${args.join(" ")}; echo "never reached" >&2`;
  await using stdio = new TestStdio({ server: { command: "/bin/sh", args: ["-c", script] }, limits: QUICK });
  const session = await stdio.open();
  assert.ok(census(stdio.token).length >= 2, "the shell and the server");
  await session.delete();
  await nobodyLeft(stdio.token);
});

Deno.test("B2: a client that leaves while its server starts leaves nobody", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--mute", "--family"), limits: QUICK });
  const call = stdio.begin(initializeMessage());
  await until(() => census(stdio.token).length >= 2, "the server and its grandchild run");
  call.abort();
  await assert.rejects(call.response, { code: "aborted" });
  await nobodyLeft(stdio.token);
  await until(() => stdio.upstream.slots.total === 0, "the place is free again");
});

Deno.test("B2: a server that does not answer in time is ended, and the client told", OPTIONS, async () => {
  const limits = { ...QUICK, startTimeoutMs: 100 };
  await using stdio = new TestStdio({ server: fixture("--mute", "--ignore-term"), limits });
  await assert.rejects(stdio.post(initializeMessage()), { code: "upstream_timeout" });
  await nobodyLeft(stdio.token);
});

Deno.test("B2: a server that refuses the handshake, or dies in it, leaves nobody", OPTIONS, async () => {
  await using refusing = new TestStdio({ server: fixture("--error", "--family"), limits: QUICK });
  const { sessionId, messages } = await refusing.post(initializeMessage());
  assert.equal(sessionId, undefined);
  assert.equal((messages[0]!.error as { message: string }).message, "not today");
  await nobodyLeft(refusing.token);
  await using dying = new TestStdio({ server: fixture("--die-at-start"), limits: QUICK });
  await assert.rejects(dying.post(initializeMessage()), { code: "upstream_unreachable" });
  await nobodyLeft(dying.token);
});

Deno.test("B1: a command that cannot be found is no server, and takes no place", OPTIONS, async () => {
  for (const command of ["no-such-program", "./no-such-program", "/etc/passwd"]) {
    await using stdio = new TestStdio({ server: { command, args: [] } });
    await assert.rejects(stdio.upstream.probe(), { code: "connect_failed" });
    await assert.rejects(stdio.post(initializeMessage()), { code: "connect_failed" });
    assert.equal(stdio.upstream.slots.total, 0);
  }
});

Deno.test("B1: a start that throws leaves nobody and takes no place", OPTIONS, async () => {
  await using stdio = new TestStdio({
    spawn: () => {
      throw new Deno.errors.PermissionDenied("no processes left");
    },
  });
  await assert.rejects(stdio.post(initializeMessage()), { code: "upstream_unreachable" });
  assert.equal(stdio.upstream.slots.total, 0);
});

Deno.test("B2: closing the upstream ends every server, stubborn ones too", OPTIONS, async () => {
  const stdio = new TestStdio({ server: fixture("--ignore-close", "--ignore-term"), limits: QUICK });
  await Promise.all([stdio.open(), stdio.open(), stdio.open()]);
  await stdio.upstream.close();
  assert.deepEqual(census(stdio.token), []);
  assert.equal(stdio.upstream.slots.total, 0);
});

Deno.test("B5: a crash fails the calls in flight only, and the next call finds a new process", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const first = await session.call(1, "count");
  const waiting = session.begin(toolCall("waiting", "wait"));
  const crashed = await session.post(toolCall("crash", "crash"));
  for (const seen of [crashed, await readAnswer(await waiting.response)]) {
    assert.equal(seen.status, 200);
    assert.match((seen.messages[0]!.error as { message: string }).message, /ended before it answered/);
  }
  const next = await session.call(2, "count");
  assert.equal(next.count, 1);
  assert.notEqual(next.pid, first.pid);
});

Deno.test(
  "B5: a restarted server is told the log level and the subscriptions, and the client that lists are out of date",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ server: fixture("--lists") });
    const session = await stdio.open();
    await session.post({ jsonrpc: "2.0", id: 1, method: "logging/setLevel", params: { level: "debug" } });
    for (const uri of ["a:1", "a:2"]) {
      await session.post({ jsonrpc: "2.0", id: uri, method: "resources/subscribe", params: { uri } });
    }
    await session.post({ jsonrpc: "2.0", id: 2, method: "resources/unsubscribe", params: { uri: "a:1" } });
    const events = await session.listen();
    await session.post(toolCall(3, "crash"));
    const { initialized, logLevel, subscribed } = await session.call(4, "state");
    assert.deepEqual({ initialized, logLevel, subscribed }, {
      initialized: true,
      logLevel: "debug",
      subscribed: ["a:2"],
    });
    const told = [(await events.next())!.method, (await events.next())!.method];
    assert.deepEqual(told, ["notifications/tools/list_changed", "notifications/resources/list_changed"]);
    events.release();
  },
);

Deno.test("L4: a session opened anew by the gateway tells its client that lists are out of date", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--lists") });
  const session = await stdio.open({ revival: true });
  const events = await session.listen();
  assert.equal((await events.next())!.method, "notifications/tools/list_changed");
  events.release();
  const fresh = await stdio.open();
  const quiet = await fresh.listen();
  await fresh.call(1, "changed");
  assert.equal((await quiet.next())!.method, "notifications/tools/list_changed");
  assert.equal(quiet.eventIds.length, 2, "the priming event and the one that was asked for");
  quiet.release();
});

Deno.test("B5: restarts after crashes are held back ever longer, and forgiven with time", OPTIONS, async () => {
  let nowMs = 0;
  const timers = {
    now: () => nowMs,
    after(ms: number, run: () => void) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
  const backoff = { free: 1, firstMs: 10_000, maxMs: 60_000, windowMs: 300_000 };
  await using stdio = new TestStdio({ timers, backoff });
  const session = await stdio.open();
  await session.post(toolCall(1, "crash"));
  await session.call(2, "echo");
  await session.post(toolCall(3, "crash"));
  await assert.rejects(session.post(toolCall(4, "echo")), refusal("upstream_unreachable", 10));
  nowMs += 10_000;
  await session.call(5, "echo");
});

Deno.test("B5: first starts that fail are held back for their principal alone", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--die-at-start"), backoff: { free: 2, firstMs: 60_000 } });
  const start = (principal: string) => stdio.post(initializeMessage(), { principal });
  for (let i = 0; i < 3; i++) await assert.rejects(start("a"), /ended before it had started/);
  await assert.rejects(start("a"), /keeps failing to start/);
  await assert.rejects(start("b"), /ended before it had started/);
});

Deno.test("B7: the environment is an allow-list and what is configured, nothing else", OPTIONS, async () => {
  const environment = { ...Deno.env.toObject(), MY_SECRET: "keep out", WANTED: "yes" };
  const machine = { environment, linux: true };
  await using stdio = new TestStdio({ machine, server: { ...fixture(), inherit: ["WANTED"], env: { GIVEN: "here" } } });
  const session = await stdio.open();
  const { names } = await session.call(1, "env");
  assert.ok(!(names as string[]).includes("MY_SECRET"));
  for (const [name, value] of [["WANTED", "yes"], ["GIVEN", "here"], ["MY_SECRET", null]]) {
    assert.equal((await session.call(2, "env", { name })).value, value);
  }
});

Deno.test(
  "B7: stderr goes to the log line by line with the session's name, and a flood is thinned out",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio();
    const session = await stdio.open({ session: "abc123" });
    await session.call(1, "complain", { text: "trouble", lines: 5000 });
    await session.delete();
    await stdio.upstream.close();
    const lines = stdio.logs.filter(({ event }) => event === "MCP server says");
    assert.equal(lines[0]!.session, "abc123");
    assert.equal(lines[0]!.line, "trouble 0");
    assert.ok(lines.length >= 200 && lines.length < 1000, String(lines.length));
    const left = stdio.logs.filter(({ event }) => String(event).includes("left out"));
    const missing = left.reduce((sum, { lines }) => sum + Number(lines), 0);
    assert.equal(lines.length + missing, 5000);
  },
);

Deno.test("B1: the server runs where it is configured to", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: { ...fixture(), cwd: "/" } });
  assert.equal((await (await stdio.open()).call(1, "where")).cwd, "/");
});

const asRoot = Deno.build.os === "linux" && Deno.uid() === 0;
Deno.test("B1: the server runs as the user it is configured to", { ...OPTIONS, ignore: !asRoot }, async () => {
  const script =
    'read line; id=$(id -u):$(id -g); printf \'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"%s"}}\\n\' "$id"';
  const server = { command: "/bin/sh", args: ["-c", script], uid: 65534, gid: 65534, cwd: "/" };
  await using stdio = new TestStdio({ server });
  const { messages } = await stdio.post(initializeMessage());
  assert.equal((messages[0]!.error as { message: string }).message, "65534:65534");
});

Deno.test("B1: the kernel keeps the limits that are configured", OPTIONS, async () => {
  const script = 'read line; printf \'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"%s"}}\\n\' "$(ulimit -n)"';
  await using stdio = new TestStdio({ server: { command: "/bin/sh", args: ["-c", script], limits: { nofile: 77 } } });
  const { messages } = await stdio.post(initializeMessage());
  assert.equal((messages[0]!.error as { message: string }).message, "77");
});

Deno.test(
  "M1: 100 parallel initializes at a cap of 10 start exactly 10 servers, and the places come back",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ caps: { maxProcesses: 10, maxProcessesPerPrincipal: 11 } });
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => stdio.open()));
    const opened = outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
    assert.equal(opened.length, 10);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") {
        assert.deepEqual([outcome.reason.code, outcome.reason.detail.retryAfterS], ["session_limit", 30]);
      }
    }
    assert.equal(census(stdio.token).length, 10);
    assert.equal(stdio.upstream.slots.most, 10);
    await Promise.all(opened.map((session) => session.delete()));
    await until(() => stdio.upstream.slots.total === 0, "all places are free again");
    await stdio.open();
  },
);

Deno.test("M2: a principal at its own cap is refused with 429, others are not", OPTIONS, async () => {
  await using stdio = new TestStdio({ caps: { maxProcessesPerPrincipal: 1 } });
  await stdio.open({ principal: "a" });
  await assert.rejects(stdio.open({ principal: "a" }), refusal("principal_limit", 30));
  await stdio.open({ principal: "b" });
});

Deno.test(
  "M5: a principal at its cap makes room with the process unused longest; there is never one more than the cap",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: QUICK, caps: { maxProcessesPerPrincipal: 2, yieldAfterMs: 0 } });
    const ended: string[] = [];
    stdio.upstream.onEnded = (id) => ended.push(id);
    const others = await stdio.open({ principal: "b" });
    const [first, second] = [await stdio.open({ principal: "a" }), await stdio.open({ principal: "a" })];
    await first.call(1, "count");
    const stream = await first.listen();
    const third = await stdio.open({ principal: "a" });
    assert.deepEqual(ended, [second.id], "the one that nobody listens to");
    assert.equal((await third.call(1, "count")).count, 1);
    assert.equal((await second.post(toolCall(2, "count"))).status, 404, "opened again by the gateway when it is used");
    const waiting = third.begin(toolCall(3, "wait"));
    await assert.rejects(stdio.open({ principal: "a" }), (error) => {
      return error instanceof SignetError && error.code === "principal_limit";
    });
    assert.equal((await others.call(1, "count")).count, 1, "nobody else's gives way");
    assert.equal(stdio.upstream.slots.most, 3);
    waiting.abort();
    stream.release();
  },
);

Deno.test("M1 M5: many that start at once at the cap wait for whom they replace, or are refused", OPTIONS, async () => {
  await using stdio = new TestStdio({ limits: QUICK, caps: { maxProcessesPerPrincipal: 3, yieldAfterMs: 0 } });
  for (let i = 0; i < 3; i++) await stdio.open({ principal: "a" });
  const starts = await Promise.allSettled(Array.from({ length: 10 }, () => stdio.open({ principal: "a" })));
  const opened = starts.filter(({ status }) => status === "fulfilled").length;
  assert.ok(opened >= 3, `${opened} were opened`);
  assert.equal(stdio.upstream.slots.most, 3);
  await until(() => census(stdio.token).length === 3, "no process is left over");
  await stdio.upstream.close();
  assert.deepEqual([stdio.upstream.slots.total, stdio.upstream.slots.principals], [0, 0]);
});

Deno.test("B8 M3: a line beyond the cap fails the call and not the server", OPTIONS, async () => {
  await using stdio = new TestStdio({ limits: { ...QUICK, maxLineBytes: 100_000 } });
  const session = await stdio.open();
  assert.equal(String((await session.call(1, "big", { size: 90_000 })).text).length, 90_000);
  const { messages } = await session.post(toolCall(2, "big", { size: 110_000 }));
  assert.match((messages[0]!.error as { message: string }).message, /longer than 100000 bytes/);
  assert.equal((await session.call(3, "count")).count, 1);
  assert.ok(!stdio.logs.some(({ event }) => event === "MCP server ended"));
});

Deno.test("M3: a server that does not read makes calls fail, not memory grow", OPTIONS, async () => {
  await using stdio = new TestStdio({ limits: { ...QUICK, maxQueuedBytes: 300_000 } });
  const session = await stdio.open();
  await session.call(1, "deaf");
  const filler = "x".repeat(100_000);
  const calls = Array.from({ length: 20 }, (_, i) => session.begin(toolCall(`n${i}`, "echo", { filler })));
  const refused = await Promise.race(calls.map(async (call) => await readAnswer(await call.response)));
  assert.match((refused.messages[0]!.error as { message: string }).message, /does not take more requests/);
  for (const call of calls) call.abort();
});

Deno.test(
  "M3: a client that does not read holds its server back, and gets everything once it reads",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: { highWaterBytes: 100_000, maxLoggedBytes: 10_000 } });
    const [session, other] = [await stdio.open(), await stdio.open()];
    const response = await session.begin(toolCall(1, "flood", { messages: 200, size: 20_000 }, "t")).response;
    const outbox = response.body as Outbox;
    await until(() => outbox.size > 100_000, "the client's stream is full");
    // Meanwhile a server that is not held back would have sent all of its 4 MB.
    for (let i = 0; i < 100; i++) await other.call(i, "echo");
    assert.ok(outbox.size < 250_000, String(outbox.size));
    const { messages } = await readAnswer(response);
    assert.equal(messages.length, 201);
  },
);

Deno.test(
  "M3: a client that reads nothing for too long loses its stream, and its session goes on",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: { highWaterBytes: 50_000, stallMs: 50 } });
    const session = await stdio.open();
    const stalled = await session.begin(toolCall(1, "flood", { messages: 100, size: 10_000 }, "t")).response;
    await until(() => !(stalled.body as Outbox).open, "the stream is cut");
    await assert.rejects(stalled.body.read(), /the client has read nothing/);
    stalled.release();
    assert.deepEqual(await session.call(2, "echo"), {});
  },
);

/** Processes that hide what they are: nothing can be told from their environment. */
class Unmarked extends ProcFilesystem {
  override markOf(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** A system that does not list its processes, or does not let Signet see them. */
class Unlisted extends ProcFilesystem {
  override list(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

for (
  const [what, table] of [["without marks", new Unmarked()], ["without a list of processes", new Unlisted()]] as const
) {
  Deno.test(`B2: ${what}, a grandchild in its server's group still goes with it`, OPTIONS, async () => {
    await using stdio = new TestStdio({ table, limits: QUICK });
    const session = await stdio.open();
    await session.call(1, "grandchild");
    await session.delete();
    await nobodyLeft(stdio.token);
    await until(() => stdio.upstream.slots.total === 0, "the place is free again");
  });
}

Deno.test(
  "B2: without marks, a grandchild that has left the group goes too, while its parent is there",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({
      table: new Unmarked(),
      server: fixture("--ignore-close", "--ignore-term"),
      limits: QUICK,
    });
    const session = await stdio.open();
    await session.call(1, "grandchild", { detached: true });
    await session.delete();
    await nobodyLeft(stdio.token);
  },
);

/** A server small enough to start by the hundred: answers the handshake, and reads on until its stdin is closed. */
const SMALL: ServerCommand = {
  command: "/bin/sh",
  args: [
    "-c",
    'read -r line; echo \'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}}\'; ' +
    "sleep 1000 & while read -r line; do :; done",
  ],
};

Deno.test("B2: 200 sessions opened and abandoned leave nobody", OPTIONS, async () => {
  await using stdio = new TestStdio({
    server: SMALL,
    limits: QUICK,
    caps: { maxProcesses: 200, maxProcessesPerPrincipal: 200 },
  });
  const opened = await Promise.all(Array.from({ length: 200 }, () => stdio.post(initializeMessage())));
  assert.ok(census(stdio.token).length > 200, "each starts a child of its own");
  for (const { sessionId } of opened) stdio.upstream.release(sessionId as UpstreamSessionId);
  await nobodyLeft(stdio.token, 60_000);
  await until(() => stdio.upstream.slots.total === 0, "all places are free again");
});

Deno.test("M3: answers that their client does not take hold its server back, until one is taken", OPTIONS, async () => {
  await using stdio = new TestStdio({ limits: { highWaterBytes: 100_000, maxLoggedBytes: 10_000 } });
  const [session, other] = [await stdio.open(), await stdio.open()];
  const big = await session.begin(toolCall(1, "big", { size: 200_000 })).response;
  const waiting = session.begin(toolCall(2, "echo"), { accept: "application/json" });
  let answered = false;
  void waiting.response.then(() => answered = true);
  for (let i = 0; i < 50; i++) await other.call(i, "echo");
  assert.equal(answered, false, "the server is not read");
  await readAnswer(big);
  assert.equal((await readAnswer(await waiting.response)).status, 200);
});
