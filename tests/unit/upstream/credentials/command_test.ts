// Credentials by a command: what is taken from its answer, what is final (B4).
import assert from "node:assert/strict";
import type { LogFacts, Logger } from "../../../../lib/observe/log.ts";
import { commandCredential, runCommand } from "../../../../lib/upstream/credentials/command.ts";
import { CredentialRejectedError } from "../../../../lib/upstream/credentials/credential.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

/** Lines that were logged, as `event line`. */
function linesLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (event: string, facts: LogFacts = {}) => void lines.push(`${event}: ${facts.line ?? facts.lines}`);
  return { lines, log: { debug: write, info: write, warn: write, error: write } };
}

const quiet = { log: linesLog().log, environment: {} };

const hasShell = Deno.build.os !== "windows";

Deno.test("B4: a command's answer is taken for as long as it says", { ...STRICT, ignore: !hasShell }, async () => {
  const timers = new FakeTimers(0);
  const by = (script: string) =>
    commandCredential({ command: "/bin/sh", args: ["-c", script], run: runCommand, timers, ...quiet }).current();
  const good = await by(`echo '{"values":{"API_TOKEN":"x"},"expires_in":60}'`);
  assert.deepEqual(good, { values: { API_TOKEN: "x" }, obtainedAtMs: 0, expiresAtMs: 60_000 });
  assert.equal((await by(`echo '{"values":{}}'`)).expiresAtMs, Infinity);
  await assert.rejects(by(`echo '{"error":"invalid_grant"}'`), CredentialRejectedError);
  for (
    const script of ["exit 3", "echo secret-text", `echo '{"values":{"A":1}}'`, `echo '{"values":{},"expires_in":0}'`]
  ) {
    const error = await by(script).then(() => undefined, (error) => error);
    assert.ok(error instanceof Error && !(error instanceof CredentialRejectedError), script);
    assert.doesNotMatch(error.message, /secret-text/);
  }
});

Deno.test("B4: a command that does not end is stopped, and may succeed the next time", {
  ...STRICT,
  ignore: !hasShell,
}, async () => {
  const timers = new FakeTimers();
  const source = commandCredential({
    command: "/bin/sh",
    args: ["-c", "exec sleep 600"],
    run: runCommand,
    timers,
    ...quiet,
  });
  const waiting = source.current();
  await timers.advance(30_000);
  await assert.rejects(waiting, /exit code 143/);
});

Deno.test("B7: what a command writes to stderr is in the log, without what it was given or has made", {
  ...STRICT,
  ignore: !hasShell,
}, async () => {
  const { log, lines } = linesLog();
  const run = (script: string) =>
    commandCredential({
      ...{ command: "/bin/sh", args: ["-c", script], run: runCommand, timers: new FakeTimers() },
      ...{ log, environment: { SOME_TOKEN: "inherited-one", HOME: "/root" } },
    }).current();
  await run(`echo "got fresh-one with inherited-one in /root" >&2; echo '{"values":{"A":"Bearer fresh-one"}}'`);
  await run(`echo "half: fresh-two" >&2; echo 'token=fresh-two'`).catch(() => {});
  await run(`printf 'a line\\033[31m\\n%.0s' $(seq 30) >&2; echo '{"values":{}}'`);
  assert.deepEqual(lines.slice(0, 2), [
    "credential command says: got [redacted] with [redacted] in /root",
    "credential command says: half: [redacted]",
  ]);
  assert.equal(lines.length, 2 + 20 + 1);
  assert.equal(lines.at(-1), "credential command said too much: lines left out: 10");
});
