// Rules and rates of a file, between the unmodified clients and the unmodified npm server-everything: what is hidden is not
// there, what is beyond a rate is told in words, and a reload by signal reaches clients that are connected.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { PLAIN_CLIENTS } from "../support/mcp_plain_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";
import { TempFolder } from "../support/temp_folder.ts";

const RULES = `
rules:
  - { name: no sums, deny: [get-sum] }
  - name: short echoes
    deny: [echo]
    when: size(args.message) >= 20
  - { name: images, allow: [get-tiny-image], rate: 2/h }
  - allow: ["prompt:*", "resource:*", "*"]
`;

for (const [kind, connect] of Object.entries(PLAIN_CLIENTS)) {
  Deno.test(
    `G4 G5: client ${kind} meets rules and rates as it meets a server's own words`,
    CLIENT_SANITIZERS,
    async () => {
      await using folder = await TempFolder.create();
      const file = `${folder.path}/signet.yaml`;
      await Deno.writeTextFile(file, RULES, { mode: 0o600 });
      await using everything = await startFixture("everything");
      await using signet = await startSignet({
        upstream: everything.url,
        args: ["--config", file],
        env: { MCP_ENCRYPTION_KEY: newKey() },
      });
      await using client = await connect(signet.url);
      const tools = await client.listTools();
      assert.equal(tools.includes("get-sum"), false);
      assert.equal(tools.includes("echo"), true);
      assert.match(await client.call("echo", { message: "hi" }), /Echo: hi/);
      assert.match(
        await client.call("echo", { message: "far too long to be let through" }),
        /Refused by a rule: these arguments/,
      );
      await assert.rejects(client.call("get-sum", { a: 1, b: 2 }), /Unknown tool: get-sum/);
      await client.call("get-tiny-image", {});
      await client.call("get-tiny-image", {});
      assert.match(await client.call("get-tiny-image", {}), /Wait \d+ seconds before trying again/);
      await Deno.writeTextFile(file, RULES.replace("- { name: no sums, deny: [get-sum] }", "- { deny: [echo] }"));
      signet.signal("SIGHUP");
      await signet.waitForEvent("reloaded");
      assert.match(await client.call("get-sum", { a: 1, b: 2 }), /3/);
      await assert.rejects(client.call("echo", { message: "hi" }), /Unknown tool: echo/);
      assert.equal((await client.listTools()).includes("echo"), false);
      // What cannot be used keeps what was there.
      await Deno.writeTextFile(file, `rules: [{allow: ["*"], when: "nobody.knows"}]`);
      signet.signal("SIGHUP");
      await signet.waitForEvent("reload refused; keys and configuration stay as they were");
      await assert.rejects(client.call("echo", { message: "hi" }), /Unknown tool: echo/);
    },
  );
}
