import assert from "node:assert/strict";
import { createLogger, logAbout, type LogOptions } from "../../../lib/observe/log.ts";
import { redactUrl, shortHash } from "../../../lib/observe/redact.ts";
import { STRICT } from "../../support/strict.ts";

function collect(options: Partial<LogOptions>) {
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    format: "json",
    now: () => 0,
    write: (line) => lines.push(line),
    ...options,
  });
  return { lines, log };
}

Deno.test("Logger writes one JSON object a line when the format is json", STRICT, () => {
  const { lines, log } = collect({});
  log.info("started", { port: 80, name: "a\nb", left: undefined });
  assert.deepEqual(lines.length, 1);
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: "1970-01-01T00:00:00.000Z",
    level: "info",
    event: "started",
    port: 80,
    name: "a\nb",
  });
  assert.equal(lines[0]!.indexOf("\n"), lines[0]!.length - 1);
});

Deno.test(
  "Logger escapes control characters when writing for a terminal, so that no fact can forge a line",
  STRICT,
  () => {
    const { lines, log } = collect({ format: "human" });
    log.warn("odd", { text: "x\n12:00 ERROR forged\x1b[2J" });
    assert.equal(lines.length, 1);
    assert.equal(lines[0]!.slice(0, -1).includes("\n"), false);
    assert.equal(lines[0]!.includes("\x1b"), false);
  },
);

Deno.test("Logger leaves out what is below its level", STRICT, () => {
  const { lines, log } = collect({ level: "warn" });
  log.info("no");
  log.error("yes");
  assert.equal(lines.length, 1);
});

Deno.test("redactUrl drops user info, query and fragment", STRICT, () => {
  assert.equal(redactUrl("https://u:p@h:1/p?token=x#y"), "https://h:1/p");
  assert.equal(redactUrl("not a url"), "(not a URL)");
});

Deno.test("shortHash is stable, short and differs for different texts", STRICT, () => {
  assert.equal(shortHash("abc"), "ba7816bf8f01");
  assert.notEqual(shortHash("abd"), shortHash("abc"));
});

Deno.test("a logger about something says so behind the facts of every line", STRICT, () => {
  const { lines, log } = collect({ level: "debug", format: "human" });
  const about = logAbout(log, { member: "files" });
  for (const level of ["debug", "info", "warn", "error"] as const) about[level]("said", { session: "s" });
  about.info("said");
  const own = ["DEBUG", "INFO ", "WARN ", "ERROR"].map((level) =>
    `00:00:00.000 ${level} said session=s member=files\n`
  );
  assert.deepEqual(lines, [...own, "00:00:00.000 INFO  said member=files\n"]);
});
