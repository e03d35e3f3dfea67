// Unmodified servers of SDK 2.x that have no sessions, among several: beside server-everything for clients with sessions, and
// by themselves for a client that probes for the stateless era (docs/behaviour.md S1, S2, A2).
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient } from "../support/mcp_client.ts";
import { ANSWERS } from "../support/mcp_client_contract.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";

const env = { MCP_ENCRYPTION_KEY: newKey() };

for (const kind of ["v1", "v2"] as const) {
  Deno.test(
    `S2 A2: client ${kind} works with a server without sessions beside one that has them`,
    CLIENT_SANITIZERS,
    async () => {
      await using old = await startFixture("everything");
      await using young = await startFixture("sdk2", { stateless: true });
      await using signet = await startSignet({
        upstream: `old=${old.url}`,
        args: ["--upstream", `young=${young.url}`],
        env,
      });
      await using connected = await connectClient(kind, signet.url);
      const { client } = connected;
      const names = await client.listTools();
      assert.ok(names.includes("old_get-sum") && names.includes("young_echo"), String(names));
      assert.match(await client.call("old_get-sum", { a: 2, b: 40 }), /42/);
      assert.match(await client.call("young_echo", { text: "hello" }), /hello/);
      assert.match(await client.call("young_elicit", { question: "how many?" }), new RegExp(ANSWERS.elicit));
      await client.call("young_note", { id: "mine", text: "kept" });
      await signet.restart();
      assert.match(await client.readResource("young+fixture://notes/mine"), /kept/);
      assert.deepEqual(await client.listTools(), names);
      await client.terminate();
    },
  );
}

Deno.test(
  "S1 S2: a client without a session works with two servers that have none as with one",
  CLIENT_SANITIZERS,
  async () => {
    await using a = await startFixture("sdk2", { stateless: true });
    await using b = await startFixture("sdk2", { stateless: true });
    await using signet = await startSignet({ upstream: `a=${a.url}`, args: ["--upstream", `b=${b.url}`], env });
    await using connected = await connectClient("v2-auto", signet.url);
    const { client } = connected;
    assert.equal(client.protocolVersion, "2026-07-28");
    const names = await client.listTools();
    for (const name of ["a_echo", "b_echo", "a_elicit"]) assert.ok(names.includes(name), String(names));
    for (const member of ["a", "b"]) {
      assert.match(await client.call(`${member}_echo`, { text: member }), new RegExp(member));
      assert.match(await client.call(`${member}_elicit`, { question: "how many?" }), new RegExp(ANSWERS.elicit));
      await client.call(`${member}_note`, { id: "mine", text: `kept by ${member}` });
      assert.match(await client.readResource(`${member}+fixture://notes/mine`), new RegExp(`kept by ${member}`));
    }
    assert.notEqual(await client.call("a_process", {}), await client.call("b_process", {}));
    await assert.rejects(client.call("c_echo", { text: "x" }));
  },
);

Deno.test(
  "S2 S4 A5: a client without a session is asked by several servers that have them, each in its own calls",
  CLIENT_SANITIZERS,
  async () => {
    await using a = await startFixture("sdk1");
    await using b = await startFixture("sdk2");
    await using signet = await startSignet({ upstream: `a=${a.url}`, args: ["--upstream", `b=${b.url}`], env });
    await using connected = await connectClient("v2-modern", signet.url);
    const { client } = connected;
    const asking = ["a", "b"].flatMap((member): [string, string, Record<string, unknown>][] => [
      [`${member}_elicit`, ANSWERS.elicit, { question: "how many?" }],
      [`${member}_sample`, ANSWERS.sample, { prompt: "?" }],
      [`${member}_roots`, ANSWERS.root, {}],
    ]);
    for (const [tool, answer, args] of asking) assert.match(await client.call(tool, args), new RegExp(answer));
    const all = await Promise.all(asking.map(([tool, , args]) => client.call(tool, args)));
    for (const [at, [, answer]] of asking.entries()) assert.match(all[at]!, new RegExp(answer));
  },
);
