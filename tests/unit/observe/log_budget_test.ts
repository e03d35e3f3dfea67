import assert from "node:assert/strict";
import type { LogFacts } from "../../../lib/observe/log.ts";
import { BudgetedLogger } from "../../../lib/observe/log_budget.ts";
import { STRICT } from "../../support/strict.ts";

function recorder() {
  const lines: string[] = [];
  const at = (level: string) => (event: string, facts: LogFacts = {}) =>
    void lines.push(`${level} ${event} ${JSON.stringify(facts)}`);
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

Deno.test(
  "BudgetedLogger leaves out what one kind has too much of, and tells how much with the next line",
  STRICT,
  () => {
    let nowMs = 5_000;
    const sink = recorder();
    const log = new BudgetedLogger(sink, { perSecond: 2, now: () => nowMs });
    for (let n = 0; n < 5; n++) log.warn("failed", { code: "a", n });
    assert.deepEqual(sink.lines, ['warn failed {"code":"a","n":0}', 'warn failed {"code":"a","n":1}']);
    assert.equal(log.suppressed, 3);
    nowMs += 1_000;
    log.warn("failed", { code: "a" });
    log.warn("failed", { code: "a" });
    assert.deepEqual(sink.lines.slice(2), ['warn failed {"code":"a","suppressed":3}', 'warn failed {"code":"a"}']);
  },
);

Deno.test("BudgetedLogger counts levels, events and codes apart, and leaves information alone", STRICT, () => {
  const sink = recorder();
  const log = new BudgetedLogger(sink, { perSecond: 1, now: () => 0 });
  for (let n = 0; n < 3; n++) {
    log.warn("failed", { code: "a" });
    log.warn("failed", { code: "b" });
    log.warn("other");
    log.error("failed", { code: "a" });
    log.info("opened");
    log.debug("looked");
  }
  const count = (level: string) => sink.lines.filter((line) => line.startsWith(level)).length;
  assert.deepEqual([count("warn"), count("error"), count("info"), count("debug")], [3, 1, 3, 3]);
});

Deno.test(
  "M3: what sessions do is left out like warnings, what their servers say and operators do is not",
  STRICT,
  () => {
    let nowMs = 0;
    const sink = recorder();
    const log = new BudgetedLogger(sink, { perSecond: 2, now: () => nowMs });
    for (let n = 0; n < 5; n++) {
      log.info("session opened", { session: `s${n}` });
      log.info("MCP server says", { session: "s", line: `${n}` });
      log.info("session token issued", { token: `t${n}` });
    }
    const count = (event: string) => sink.lines.filter((line) => line.startsWith(`info ${event}`)).length;
    assert.deepEqual(["session opened", "MCP server says", "session token issued"].map(count), [2, 5, 5]);
    nowMs = 2_000;
    log.summarize();
    assert.equal(sink.lines.at(-1), 'info session opened {"suppressed":3}');
  },
);

Deno.test("M3: BudgetedLogger remembers a bounded number of kinds", STRICT, () => {
  const sink = recorder();
  const log = new BudgetedLogger(sink, { perSecond: 1, now: () => 0 });
  for (let n = 0; n < 1_000; n++) log.warn(`event ${n}`);
  assert.equal(sink.lines.length, 1_000);
  log.warn("event 999");
  assert.equal(sink.lines.length, 1_000);
});
