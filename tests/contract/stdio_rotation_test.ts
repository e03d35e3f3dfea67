// A session's credential is renewed under it: a new process with the new credential, the old one's calls ended in
// peace, the id unchanged (docs/behaviour.md B3, B4).
import assert from "node:assert/strict";
import { ownBytes } from "../../lib/http1/wire/streams/borrowed.ts";
import { SYSTEM_TIMERS, type Timers } from "../../lib/platform/time/timers.ts";
import {
  CachedCredential,
  CredentialRejectedError,
  type CredentialSource,
} from "../../lib/upstream/credentials/credential.ts";
import { HAS_CENSUS, nobodyLeft } from "../support/process_census.ts";
import { initializeMessage, readAnswer, resultOf, StdioSession, TestStdio, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };

/** Real time, moved on by hand. */
class MovedTimers implements Timers {
  #aheadMs = 0;

  now(): number {
    return SYSTEM_TIMERS.now() + this.#aheadMs;
  }

  after(ms: number, run: () => void): () => void {
    return SYSTEM_TIMERS.after(ms, run);
  }

  move(ms: number): void {
    this.#aheadMs += ms;
  }
}

/** Tokens that live an hour. */
class Tokens {
  readonly timers = new MovedTimers();
  issued = 0;
  fault: Error | undefined;
  readonly source: CredentialSource = new CachedCredential(() => {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    const token = `token-${++this.issued}-${"x".repeat(10)}`;
    return Promise.resolve({ values: { API_TOKEN: token }, expiresAtMs: this.timers.now() + 3_600_000 });
  }, this.timers);

  upstream(): TestStdio {
    return new TestStdio({ timers: this.timers, credentials: () => this.source });
  }
}

async function tokenOf(session: StdioSession, id: string): Promise<unknown> {
  return String((await session.call(id, "env", { name: "API_TOKEN" })).value).split("-").slice(0, 2).join("-");
}

Deno.test(
  "B4: a session keeps its id while its server gets a new credential, and nobody is left of the old",
  OPTIONS,
  async () => {
    const tokens = new Tokens();
    await using stdio = tokens.upstream();
    const session = await stdio.open();
    assert.equal(await tokenOf(session, "before"), "token-1");
    const [pid] = stdio.upstream.pids;
    await stdio.upstream.rotate();
    assert.deepEqual(stdio.upstream.pids, [pid], "not due");
    tokens.timers.move(56 * 60_000);
    await stdio.upstream.rotate();
    assert.equal(await tokenOf(session, "after"), "token-2");
    await until(() => stdio.upstream.slots.total === 1, "the old process is gone");
    assert.ok(!stdio.upstream.pids.includes(pid!));
  },
);

Deno.test("B4: calls begun before and after the renewal are both answered", OPTIONS, async () => {
  const tokens = new Tokens();
  await using stdio = tokens.upstream();
  const session = await stdio.open();
  const asking = session.begin(toolCall("old", "sample"));
  const response = await asking.response;
  tokens.timers.move(56 * 60_000);
  await stdio.upstream.rotate();
  assert.equal(stdio.upstream.slots.total, 2, "the old process still has a call");
  assert.equal(await tokenOf(session, "new"), "token-2");
  const reader = new TextDecoder().decode(ownBytes((await response.body.read())!));
  const question = JSON.parse(/data: (.+)/.exec(reader.split("event: message").at(-1)!)![1]!);
  await session.post({ jsonrpc: "2.0", id: question.id, result: { text: "to the old one" } });
  const { messages } = await readAnswer(response);
  assert.deepEqual(resultOf(messages.at(-1)), { got: { text: "to the old one" } });
  await until(() => stdio.upstream.slots.total === 1, "the old process is gone");
});

Deno.test("B3: the death of a process that is no longer the current one ends no session", OPTIONS, async () => {
  const tokens = new Tokens();
  await using stdio = tokens.upstream();
  const ended: string[] = [];
  stdio.upstream.onEnded = (id) => ended.push(id);
  const session = await stdio.open();
  const [old] = stdio.upstream.pids;
  const response = await session.begin(toolCall("old", "sample")).response;
  tokens.timers.move(56 * 60_000);
  await stdio.upstream.rotate();
  assert.equal(stdio.upstream.slots.total, 2, "the old process still has a call");
  assert.equal(await tokenOf(session, "new"), "token-2");
  Deno.kill(old!, "SIGKILL");
  const { messages } = await readAnswer(response);
  assert.match((messages.at(-1)!.error as { message: string }).message, /ended before it answered/);
  await until(() => stdio.upstream.slots.total === 1, "the old process is gone");
  assert.equal(await tokenOf(session, "after"), "token-2");
  assert.deepEqual(ended, []);
});

Deno.test("B4: fifty renewals under load lose no call", OPTIONS, async () => {
  const tokens = new Tokens();
  await using stdio = tokens.upstream();
  const session = await stdio.open();
  let rotating = true;
  let answered = 0;
  const load = async (worker: number) => {
    for (let i = 0; rotating; i++) {
      assert.deepEqual(await session.call(`${worker}-${i}`, "echo", { worker, i }), { worker, i });
      answered++;
    }
  };
  const workers = [0, 1, 2].map(load);
  for (let i = 0; i < 50; i++) {
    tokens.timers.move(56 * 60_000);
    await stdio.upstream.rotate();
  }
  rotating = false;
  await Promise.all(workers);
  assert.equal(tokens.issued, 51);
  assert.ok(answered > 50);
  await until(() => stdio.upstream.slots.total === 1, "one process is left");
});

Deno.test("B4: a refusal for good ends the session cleanly, and tells who holds its id", OPTIONS, async () => {
  const tokens = new Tokens();
  await using stdio = tokens.upstream();
  const ended: string[] = [];
  stdio.upstream.onEnded = (id) => ended.push(id);
  const session = await stdio.open();
  const events = await session.listen();
  tokens.fault = new CredentialRejectedError("invalid_grant");
  tokens.timers.move(56 * 60_000);
  await stdio.upstream.rotate();
  assert.deepEqual(ended, [session.id]);
  assert.deepEqual(await events.rest(), [], "the listening stream has ended");
  events.release();
  assert.equal((await session.post(toolCall(1, "echo"))).status, 404);
  tokens.timers.move(10 * 60_000);
  await assert.rejects(
    stdio.post(initializeMessage()),
    { code: "upstream_credential_missing" },
    "and none can be opened",
  );
  await nobodyLeft(stdio.token);
});

Deno.test("B4: a passing failure leaves the session to its old credential", OPTIONS, async () => {
  const tokens = new Tokens();
  await using stdio = tokens.upstream();
  const session = await stdio.open();
  tokens.fault = new Error("away");
  tokens.timers.move(56 * 60_000);
  await stdio.upstream.rotate();
  assert.equal(await tokenOf(session, "still"), "token-1");
  tokens.fault = undefined;
  await stdio.upstream.rotate();
  assert.equal(await tokenOf(session, "then"), "token-2");
});

Deno.test("B7: a credential never reaches the log, not even by the server's own words", OPTIONS, async () => {
  const tokens = new Tokens();
  await using stdio = tokens.upstream();
  const session = await stdio.open();
  const { value } = await session.call(1, "env", { name: "API_TOKEN" });
  await session.call(2, "complain", { text: `my token is ${value}`, lines: 1 });
  await stdio.upstream.close();
  assert.ok(stdio.logs.some(({ line }) => line === "my token is [redacted] 0"));
  assert.ok(!JSON.stringify(stdio.logs).includes(String(value)));
});
