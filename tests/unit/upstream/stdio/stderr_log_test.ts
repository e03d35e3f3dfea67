import assert from "node:assert/strict";
import type { Logger } from "../../../../lib/observe/log.ts";
import { secretsOf } from "../../../../lib/upstream/stdio/server_secrets.ts";
import { StderrLog } from "../../../../lib/upstream/stdio/stderr_log.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

function collect(secrets: readonly string[]) {
  const lines: string[] = [];
  const log: Logger = { ...SILENT_LOG, info: (_, facts) => void lines.push(String(facts?.line)) };
  const stderr = new StderrLog({ log, timers: new FakeTimers(), facts: () => ({}), secrets });
  return { lines, stderr };
}

Deno.test("B7: a secret at the line cap shows no half of itself, wherever the cap falls", STRICT, () => {
  const secret = "topsecret-0123456789-topsecret-0123456789";
  for (let at = 4096 - secret.length - 4; at <= 4100; at++) {
    const { lines, stderr } = collect([secret]);
    stderr.push(encoder.encode(`${"x".repeat(at)}${secret}${"y".repeat(5000)}\nnext\n`));
    assert.equal(lines.length, 2);
    assert.equal(lines[0]!.length <= 4096, true);
    assert.equal(lines[0]!.includes("tops"), false, `at ${at}`);
  }
});

Deno.test("B7: a secret over two chunks, and over two lines, is blanked", STRICT, () => {
  const secret = "päss-wörd-0123456789";
  const bytes = encoder.encode(`say ${secret} now\n`);
  for (let at = 1; at < bytes.length; at++) {
    const { lines, stderr } = collect([secret]);
    stderr.push(bytes.subarray(0, at));
    stderr.push(bytes.subarray(at));
    assert.deepEqual(lines, ["say [redacted] now"]);
  }
  const { lines, stderr } = collect([secret]);
  stderr.push(encoder.encode(`say ${secret.slice(0, 9)}\n${secret.slice(9)} now`));
  stderr.end();
  assert.deepEqual(lines, ["say [redacted]", "[redacted] now"]);
});

Deno.test("B7: a long line is cut between characters", STRICT, () => {
  const { lines, stderr } = collect([]);
  stderr.push(encoder.encode("x" + "😀".repeat(5000) + "\n"));
  assert.equal(lines[0]!.isWellFormed(), true);
  assert.equal(lines[0]!.length, 4095);
});

Deno.test(
  "B7: all that a server was given is secret: set, inherited, presented, and named so on its command line",
  STRICT,
  () => {
    const server = {
      command: "server",
      args: ["--api-key", "arg-key", "--password=arg-pass", "--token", "--verbose", "stdio", "--file", "plain.txt"],
      env: { PIN: "4711", SHORT: "s3cr3t", NODE_ENV: "production", PORT: "8080" },
      inherit: ["DATABASE_URL", "NOT_THERE"],
    };
    const machine = { environment: { DATABASE_URL: "postgres://u:p@h/db", HOME: "/home/u" }, linux: true };
    const secrets = secretsOf(server, machine, { API_TOKEN: "t" });
    assert.deepEqual(secrets.toSorted(), ["4711", "arg-key", "arg-pass", "postgres://u:p@h/db", "s3cr3t", "t"]);
  },
);
