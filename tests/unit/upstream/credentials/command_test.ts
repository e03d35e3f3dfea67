// Credentials by a command: what is taken from its answer, what is final (B4).
import assert from "node:assert/strict";
import { commandCredential, runCommand } from "../../../../lib/upstream/credentials/command.ts";
import { CredentialRejectedError } from "../../../../lib/upstream/credentials/credential.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const hasShell = Deno.build.os !== "windows";

Deno.test("B4: a command's answer is taken for as long as it says", { ...STRICT, ignore: !hasShell }, async () => {
  const timers = new FakeTimers(0);
  const by = (script: string) =>
    commandCredential({ command: "/bin/sh", args: ["-c", script], run: runCommand, timers }).current();
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
  const source = commandCredential({ command: "/bin/sh", args: ["-c", "exec sleep 600"], run: runCommand, timers });
  const waiting = source.current();
  await timers.advance(30_000);
  await assert.rejects(waiting, /exit code 143/);
});
