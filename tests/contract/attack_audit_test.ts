// Attacks on what the audit log says (G2, G3): arguments that one reader takes for others than another does.
import assert from "node:assert/strict";
import { ArgumentReader } from "../../lib/audit/arguments.ts";
import { namesMemberTwice } from "../../lib/mcp/json_text.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

for (const lane of LANES) {
  Deno.test(`G3: arguments that stand twice go nowhere: a log could show either (${lane} lane)`, STRICT, async () => {
    await using server = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: server.url, lane });
    const id = await signet.open();
    const echo = (params: string) =>
      signet.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${params}}}`, { id });
    for (const other of ["arguments", "Arguments", "argument\u017f", "arg\\u0075ments"]) {
      for (let again = 0; again < 2; again++) {
        assert.equal(await status(echo(`"arguments":{"of":"a"},"${other}":{"of":"b"}`)), 400, other);
      }
    }
    assert.equal(server.ran.get("echo"), undefined);
    assert.equal(await status(echo('"arguments":{"of":"a"}')), 200);
    assert.equal(server.ran.get("echo"), 1);
  });
}

Deno.test("G3: a log says of arguments with a member that stands twice that they do not say one thing", () => {
  const reader = new ArgumentReader({
    chosen: [{ tool: "*", path: ["of"] }],
    digestKey: new Uint8Array(32),
    namesMemberTwice,
  });
  const read = (text: string) => JSON.parse(reader.read("echo", new TextEncoder().encode(text)));
  assert.equal(read('{"of":"a"}').twice, undefined);
  assert.equal(read('{"of":"a","\\u006ff":"b"}').twice, true);
  assert.equal(read('{"of":[{"x":1,"x":2}]}').twice, true);
});
