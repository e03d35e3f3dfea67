// A server that refuses Signet's own credential: no client can answer for that, so none is challenged, and none is told
// where the server would have it log in (docs/behaviour.md B4, I5, P6; docs/protocol.md 22).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { HAS_CENSUS } from "../support/process_census.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const METADATA = "http://10.9.8.7:9000/.well-known/oauth-protected-resource";
const REFUSALS = [
  [401, `Bearer error="invalid_token", resource_metadata="${METADATA}"`],
  [403, `Bearer error="insufficient_scope", scope="admin", resource_metadata="${METADATA}"`],
] as const;

/** A program that prints a credential under that name. */
async function printing(folder: TempFolder, name: string): Promise<string[]> {
  const program = `${folder.path}/credential`;
  const text = `#!/bin/sh\necho '{"values": {"${name}": "Bearer signets"}}'\n`;
  await Deno.writeTextFile(program, text, { mode: 0o700 });
  return ["--credential", "command", "--credential-command", program];
}

for (const lane of LANES) {
  for (const known of [true, false]) {
    for (const [refused, challenge] of REFUSALS) {
      const who = known ? "whom Signet knows" : "whom Signet does not know";
      Deno.test(
        `B4 I5: a refusal of Signet's own credential (${refused}) challenges no client ${who} (${lane} lane)`,
        OPTIONS,
        async () => {
          await using folder = await TempFolder.create();
          await using issuer = await TestIssuer.create();
          await using server = new FakeMcp({ sessionsOnly: true });
          const flags = [...await printing(folder, "Authorization"), ...(known ? issuer.flags : [])];
          await using signet = await TestSignet.start({ upstream: server.url, lane, flags });
          const of = known ? { token: await issuer.token("alice") } : {};
          const id = await signet.open(of);
          const refuses = () => new Response("no", { status: refused, headers: { "www-authenticate": challenge } });
          server.tool("echo", refuses);
          for (
            const asked of [
              signet.post(call(1, "echo"), { ...of, id }),
              ask(signet, "tools/call", { name: "echo" }, of),
            ]
          ) {
            const response = await asked;
            const text = await response.text();
            assert.equal(response.headers.get("www-authenticate"), null);
            assert.match(text, /does not accept Signet's credential/);
            assert.equal(text.includes("10.9.8.7"), false);
            assert.notEqual(response.status, 401);
          }
          assert.equal(await status(signet.post(INITIALIZE, of)), 200, "nothing is wrong with the client");
        },
      );
    }
  }
}

Deno.test(
  "B4: where Signet's credential stands beside the client's, the client's may be what is refused",
  OPTIONS,
  async () => {
    await using folder = await TempFolder.create();
    await using server = new FakeMcp();
    const [refused, challenge] = REFUSALS[0];
    server.tool("echo", () => new Response("no", { status: refused, headers: { "www-authenticate": challenge } }));
    await using signet = await TestSignet.start({ upstream: server.url, flags: await printing(folder, "X-Api-Key") });
    const id = await signet.open({ token: "t" });
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: "t" })), 401);
  },
);
