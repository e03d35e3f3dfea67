import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";

async function explain(argv: string[], options: { terminal?: boolean; columns?: number } = {}) {
  const machine = new FakeMachine(options);
  return { code: await machine.run("explain", ...argv), out: machine.stdout, err: machine.stderr };
}

Deno.test("V4: explain tells what a code means, what a client is answered, and what to do", STRICT, async () => {
  const { code, out } = await explain(["owner_mismatch"]);
  assert.equal(code, 0);
  assert.match(out, /^owner_mismatch {2}\(HTTP 403, JSON-RPC -32000: Forbidden/);
  assert.match(out, /belongs to another caller/);
  assert.ok(!out.includes("\x1b"));
});

Deno.test(
  "V4: explain takes an event with or without quotes, a status, a JSON-RPC code, an outcome",
  STRICT,
  async () => {
    for (
      const words of [["session resurrected upstream"], ["session", "resurrected", "upstream"], [
        "SESSION resurrected upstream",
      ]]
    ) {
      assert.match((await explain(words)).out, /^session resurrected upstream\n {2}The MCP server had lost/);
    }
    const by404 = (await explain(["404"])).out;
    assert.match(by404, /^session_not_found/m);
    assert.match(by404, /^path_not_found/m);
    assert.match((await explain(["32001"])).out, /^session_not_found/);
    assert.match((await explain(["-32001"])).out, /^session_not_found/);
    assert.match((await explain(["--", "-32001"])).out, /^session_not_found/);
    assert.match((await explain(["key"])).out, /not in the ring/);
  },
);

Deno.test("V4: explain alone lists all, however narrow the terminal is", STRICT, async () => {
  for (const columns of [40, 80, 200]) {
    const { code, out } = await explain([], { terminal: true, columns });
    assert.equal(code, 0);
    for (const name of ["owner_mismatch", "too_often", "store_busy", "connect_failed"]) {
      assert.ok(out.includes(name), name);
    }
    // deno-lint-ignore no-control-regex
    for (const line of out.split("\n")) assert.ok(line.replaceAll(/\x1b\[\d+m/g, "").length <= columns, line);
  }
});

Deno.test("V4: explain says what was meant where there is nothing of the name", STRICT, async () => {
  const { code, err } = await explain(["owner_missmatch"]);
  assert.equal(code, 1);
  assert.match(err, /Did you mean `signet explain owner_mismatch`\?/);
  const hostile = await explain(["\x1b[2J".repeat(3)]);
  assert.equal(hostile.code, 1);
  assert.ok(!hostile.err.includes("\x1b"));
});

Deno.test("V4: explain writes JSON when it is asked to", STRICT, async () => {
  const { out } = await explain(["429", "--json"]);
  const rows = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(rows.some(({ name, status }) => name === "principal_limit" && status === 429));
});
