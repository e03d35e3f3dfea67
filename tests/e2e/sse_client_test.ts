// A client that speaks the transport before Streamable HTTP (HTTP+SSE of 2024-11-05), the unmodified one of the official SDK
// 1.x, before servers of today.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { type FixtureKind, startFixture } from "../support/mcp_servers.ts";
import { type Signet, startSignet } from "../support/mcp_signet.ts";
import { until } from "../support/until.ts";

const EVERYTHING_STDIO = ["deno", "run", "-A", "npm:@modelcontextprotocol/server-everything@2026.8.31", "stdio"];

async function connect(signet: Signet) {
  const client = new Client({ name: "old", version: "1" }, { capabilities: { sampling: {} } });
  const logged: unknown[] = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, (note: unknown) => void logged.push(note));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: "m",
    role: "assistant",
    content: { type: "text", text: "sampled here" },
  }));
  await client.connect(new SSEClientTransport(new URL("/sse", signet.url)));
  return { client, logged, [Symbol.asyncDispose]: () => client.close() };
}

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content.map(({ text }) => text).join();

for (const kind of ["everything", "everythingSse"] satisfies FixtureKind[]) {
  Deno.test(`B11: the SDK's client of HTTP+SSE works with ${kind}`, CLIENT_SANITIZERS, async () => {
    await using fixture = await startFixture(kind);
    const upstream = kind === "everything" ? fixture.url : `sse+${fixture.url}`;
    await using signet = await startSignet({ upstream, args: ["--legacy-sse", "/sse"] });
    await using connected = await connect(signet);
    const { client, logged } = connected;
    assert.ok((await client.listTools()).tools.length > 5);
    assert.match(textOf(await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } })), /42/);
    const progress: number[] = [];
    const slow = { name: "trigger-long-running-operation", arguments: { duration: 0.2, steps: 4 } };
    await client.callTool(slow, undefined, {
      onprogress: ({ progress: at }: { progress: number }) => progress.push(at),
    });
    assert.deepEqual(progress, [1, 2, 3, 4]);
    const asked = { name: "trigger-sampling-request", arguments: { prompt: "?" } };
    assert.match(textOf(await client.callTool(asked)), /sampled here/);
    await client.setLoggingLevel("debug");
    await client.callTool({ name: "toggle-simulated-logging", arguments: {} });
    await until(() => logged.length > 0, "a line of the server's log");
    await fixture.restart();
    assert.match(textOf(await client.callTool({ name: "get-sum", arguments: { a: 1, b: 2 } })), /3/);
    const sessions = () => fetch(`${signet.adminUrl}/metrics`).then((page) => page.text());
    assert.match(await sessions(), /^signet_sessions 1$/m);
    await client.close();
    await until(async () => /^signet_sessions 0$/m.test(await sessions()), "the session to end with the stream");
  });
}

Deno.test("B11: the SDK's client of HTTP+SSE works with a stdio server", CLIENT_SANITIZERS, async () => {
  const command = [
    Deno.execPath(),
    ...EVERYTHING_STDIO.slice(1, 3),
    "--lock=tests/deno.lock",
    "--frozen",
    ...EVERYTHING_STDIO.slice(3),
  ];
  await using signet = await startSignet({ upstream: command, args: ["--legacy-sse", "/sse"] });
  await using connected = await connect(signet);
  const { client } = connected;
  assert.match(textOf(await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } })), /42/);
  const asked = { name: "trigger-sampling-request", arguments: { prompt: "?" } };
  assert.match(textOf(await client.callTool(asked)), /sampled here/);
});
