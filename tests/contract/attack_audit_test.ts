// Attacks on what the audit log says (G2, G3): arguments that one reader takes for others than another does.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ArgumentReader } from "../../lib/audit/arguments.ts";
import { namesMemberTwice } from "../../lib/mcp/json/json_text.ts";
import { AuditFolder } from "../support/audit.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
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

for (const lane of LANES) {
  Deno.test(
    `G3 P1: nobody guesses a bearer token from what is written of its caller (${lane} lane)`,
    STRICT,
    async () => {
      await using audit = await AuditFolder.make();
      await using upstream = new FakeMcp();
      const flags = ["--principal", "bearer", "--access-log", "--audit", audit.path];
      const token = "alice-2026";
      const digest = createHash("sha256").update(token).digest("hex");
      const owners: unknown[] = [];
      let logged = "";
      {
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
        const id = await signet.open({ token });
        const other = await signet.open({ token: "bob-2026" });
        assert.equal(await status(signet.post(call(1, "echo"), { id, token })), 200);
        assert.equal(await status(signet.post(call(2, "echo"), { id: other, token })), 403);
        const { control } = signet.app.operations;
        const { sessions } = await control.listSessions({ limit: 9, names: true });
        owners.push(...sessions.map(({ owner }) => owner));
        // Operators know him by the subject that revokes, where they may ask for names.
        assert.equal(sessions[0]!.caller!.subject, digest);
        const { ended } = await control.revoke({ kind: "principal", issuer: "signet:bearer", subject: digest });
        assert.equal(ended, 1);
        assert.equal((await control.revoke({ kind: "owner_of", hash: sessions[1]!.hash })).ended, 1);
        logged = JSON.stringify(signet.logs);
      }
      const text = await Deno.readTextFile(audit.path);
      // Whatever can be made of the token without the ring.
      const hashed = createHash("sha256").update(`13:signet:bearer${digest}`).digest("hex").slice(0, 12);
      for (const guess of [token, digest, digest.slice(0, 12), hashed]) {
        assert.equal(text.includes(guess), false, `${guess} in the audit log`);
        assert.equal(logged.includes(guess), false, `${guess} in the log`);
      }
      // The same name wherever he is written of, and the one that ids have of their owner.
      const actors = (await audit.lines()).map(({ actor }) => (actor as { sub?: string } | undefined)?.sub);
      assert.deepEqual([...new Set(actors.filter((sub) => sub !== undefined))].sort(), owners.sort());
      const revoked = (await audit.lines()).filter(({ event }) => event === "session.revoke");
      assert.deepEqual(revoked.map(({ subject }) => (subject as { sub: string }).sub).sort(), owners.sort());
    },
  );
}
