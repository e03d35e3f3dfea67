import assert from "node:assert/strict";
import { LogTail } from "../../../lib/observe/log_tail.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("the tail of the log is bounded in lines and in characters, newest kept", STRICT, () => {
  const tail = new LogTail(() => 0);
  for (let n = 0; n < 10_000; n++) tail.push("info", "session opened", { n });
  assert.equal(tail.lines.length, 500);
  assert.equal(tail.lines.at(-1)!.seq, 10_000);
  for (let n = 0; n < 1_000; n++) tail.push("info", "x", { text: "y".repeat(100_000) });
  assert.equal(tail.lines.length, 2, "so many of a hundred thousand characters");
  assert.ok(String(tail.lines.at(-1)!.facts.text).length <= 1_000);
});

Deno.test("V3: what stands in the tail drives no terminal and turns no text around", STRICT, () => {
  const tail = new LogTail(() => 0);
  const seen: unknown[] = [];
  const stop = tail.watch((line) => seen.push(line));
  tail.push("warn", "MCP server says", { line: "\x1b[2J\u202e</script>", absent: undefined });
  stop();
  tail.push("warn", "unseen", {});
  assert.deepEqual(seen, [{
    seq: 1,
    atMs: 0,
    level: "warn",
    event: "MCP server says",
    facts: { line: "\\u001b[2J\\u202e</script>" },
  }]);
});
