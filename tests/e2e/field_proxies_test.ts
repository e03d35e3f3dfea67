// What people put before and behind an MCP endpoint today, unmodified from npm: supergateway and mcp-proxy as the servers
// behind Signet, mcp-remote as the client before it. Fetched by npx, as their users do.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "../../scripts/free_port.ts";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { ChildRun, cleanEnvironment } from "../support/mcp_process.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { startSignet } from "../support/mcp_signet.ts";
import { npxProgram } from "../support/npx_program.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STDIO_SERVER = [Deno.execPath(), "run", "-A", `${ROOT}tests/fixtures/stdio_server.ts`];

/** How each is started before a stdio server, on a port of loopback. */
const PROXIES: Readonly<Record<string, (port: number) => readonly string[]>> = {
  "supergateway@4.0.0": (port) => [
    ...["--stdio", STDIO_SERVER.join(" "), "--outputTransport", "streamableHttp", "--stateful"],
    ...["--port", String(port)],
  ],
  "mcp-proxy@6.7.19": (port) => [
    ...["--host", "127.0.0.1", "--port", String(port), "--server", "stream", "--", ...STDIO_SERVER],
  ],
};

async function startProxy(name: string, port: number): Promise<ChildRun> {
  const run = new ChildRun({ command: "node", args: [await npxProgram(name), ...PROXIES[name]!(port)] });
  try {
    await until(() => answers(port), () => `${name} to listen: ${run.lines.slice(-10).join(" | ")}`);
    return run;
  } catch (error) {
    await run.kill();
    throw error;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

for (const name of Object.keys(PROXIES)) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `L4: client ${kind} works with ${name} behind Signet, also after it was restarted`,
      CLIENT_SANITIZERS,
      async () => {
        const port = freePort();
        let proxy = await startProxy(name, port);
        try {
          await using signet = await startSignet({ upstream: `http://127.0.0.1:${port}/mcp` });
          await using connected = await connectClient(kind, signet.url);
          assert.ok((await connected.client.listTools()).includes("count"));
          assert.match(await connected.client.call("count"), /1/);
          assert.match(await connected.client.call("count"), /2/);
          await proxy.kill();
          proxy = await startProxy(name, port);
          assert.match(await connected.client.call("count"), /1/, "a new server, asked once");
        } finally {
          await proxy.kill();
        }
      },
    );
  }
}

Deno.test(
  "L4: mcp-remote reaches a server through Signet, also after it was restarted",
  CLIENT_SANITIZERS,
  async () => {
    await using folder = await TempFolder.create();
    await using fixture = await startFixture("sdk1");
    await using signet = await startSignet({ upstream: fixture.url });
    const transport = new StdioClientTransport({
      command: "npx",
      args: ["-y", "mcp-remote@0.15.1", signet.url, "--allow-http", "--transport", "http-only"],
      env: { ...cleanEnvironment(), MCP_REMOTE_CONFIG_DIR: folder.path },
      stderr: "ignore",
    });
    const client = new Client({ name: "host", version: "1.0.0" });
    // The SDK's own types disagree with themselves under exactOptionalPropertyTypes.
    await client.connect(transport as unknown as Parameters<Client["connect"]>[0], { timeout: 120_000 });
    try {
      const { tools } = await client.listTools();
      assert.ok(tools.some((tool: { name: string }) => tool.name === "count"));
      await fixture.restart();
      const result = await client.callTool({ name: "count", arguments: { key: "k" } });
      assert.match(JSON.stringify(result.content), /1/);
    } finally {
      await client.close();
    }
  },
);
