// G6: one trace from an unmodified SDK client through the real program to an unmodified SDK server, told to a collector
// that decodes OTLP; with the context where clients put it, in a call's `_meta` and in the header.
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";
import { OtlpCollector, type ReceivedSpan } from "../support/otlp_collector.ts";
import { signetCli } from "../support/signet_cli.ts";
import { FIXTURE } from "../support/stdio.ts";
import { until } from "../support/until.ts";

/** As an application's own tracing would make it: the span of its MCP client, and that of its HTTP client. */
const TRACE = "0af7651916cd43dd8448eb211c80319c", MCP_SPAN = "b7ad6b7169203331", HTTP_SPAN = "00f067aa0ba902b7";
const OF_MESSAGE = `00-${TRACE}-${MCP_SPAN}-01`, OF_REQUEST = `00-${TRACE}-${HTTP_SPAN}-01`;
const CLIENTS = { "SDK 1.x": [ClientV1, TransportV1], "SDK 2.x": [ClientV2, TransportV2] } as const;

interface Seen {
  readonly meta: string | null;
  readonly header: string | null;
}

/** Calls a tool with a context in `_meta` and in the header, or in the header alone. */
async function callTraced(kind: keyof typeof CLIENTS, url: string, tool: string, inMessage: boolean): Promise<string> {
  const [Client, Transport] = CLIENTS[kind];
  const client = new Client({ name: "traced", version: "1" });
  const transport = new Transport(new URL(url), { requestInit: { headers: { traceparent: OF_REQUEST } } });
  // deno-lint-ignore no-explicit-any
  await client.connect(transport as any);
  try {
    const params = { name: tool, arguments: {}, ...(inMessage ? { _meta: { traceparent: OF_MESSAGE } } : {}) };
    const { content } = await client.callTool(params);
    return (content as { text: string }[])[0]!.text;
  } finally {
    await client.close();
  }
}

async function spansOf(
  collector: OtlpCollector,
  name: string,
): Promise<{ server: ReceivedSpan; client: ReceivedSpan }> {
  const found = (kind: number) => collector.spans.find((span) => span.name === name && span.kind === kind);
  await until(() => found(2) !== undefined && found(3) !== undefined, () => `two spans called ${name}`);
  return { server: found(2)!, client: found(3)! };
}

for (const kind of Object.keys(CLIENTS) as (keyof typeof CLIENTS)[]) {
  for (const fixture of ["sdk1", "sdk2"] as const) {
    Deno.test(
      `G6: client, Signet and server are one trace: ${kind} client, ${fixture} server`,
      CLIENT_SANITIZERS,
      async () => {
        await using collector = new OtlpCollector();
        await using server = await startFixture(fixture);
        const env = { MCP_ENCRYPTION_KEY: newKey(), ...collector.variables, OTEL_SERVICE_NAME: "gate" };
        await using signet = await startSignet({ upstream: server.url, env });
        for (const inMessage of [true, false]) {
          collector.spans.length = 0;
          const seen: Seen = JSON.parse(await callTraced(kind, signet.url, "trace", inMessage));
          const { server, client } = await spansOf(collector, "tools/call trace");
          assert.deepEqual([server.traceId, client.traceId], [TRACE, TRACE]);
          assert.equal(server.parentSpanId, inMessage ? MCP_SPAN : HTTP_SPAN);
          assert.deepEqual(server.links, inMessage ? [{ traceId: TRACE, spanId: HTTP_SPAN }] : []);
          assert.equal(client.parentSpanId, server.spanId);
          const carried = `00-${TRACE}-${client.spanId}-01`;
          assert.deepEqual(seen, { meta: inMessage ? carried : null, header: carried });
          assert.equal(server.resource["service.name"], "gate");
          for (const span of collector.spans) assert.equal(span.traceId, TRACE, `${span.name} is of the trace`);
        }
      },
    );
  }
}

Deno.test("G6: a stdio server, which has no header, gets the context in the message", CLIENT_SANITIZERS, async () => {
  await using collector = new OtlpCollector();
  const command = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", FIXTURE];
  const env = { MCP_ENCRYPTION_KEY: newKey(), ...collector.variables };
  await using signet = await startSignet({ upstream: command, env, args: ["--stdio-inherit", "DENO_DIR"] });
  for (const inMessage of [true, false]) {
    collector.spans.length = 0;
    const { meta } = JSON.parse(await callTraced("SDK 2.x", signet.url, "meta", inMessage));
    const { client } = await spansOf(collector, "tools/call meta");
    assert.equal(meta.traceparent, `00-${TRACE}-${client.spanId}-01`);
    assert.equal(client.attributes["network.transport"], "pipe");
  }
});

Deno.test(
  "G6: what is exported goes out before the program ends, and a dead collector does not hold it",
  CLIENT_SANITIZERS,
  async () => {
    await using collector = new OtlpCollector();
    await using server = await startFixture("sdk2");
    const env = { MCP_ENCRYPTION_KEY: newKey(), ...collector.variables, OTEL_BSP_SCHEDULE_DELAY: "3600000" };
    await using signet = await startSignet({ upstream: server.url, env });
    await callTraced("SDK 2.x", signet.url, "trace", true);
    assert.deepEqual(collector.spans, []);
    assert.equal((await signet.kill("SIGTERM")).code, 0);
    assert.ok(collector.spans.some(({ name }) => name === "tools/call trace"));
    await signet.restart({ env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" } });
    await callTraced("SDK 2.x", signet.url, "trace", true);
    const startedAt = performance.now();
    assert.equal((await signet.kill("SIGTERM")).code, 0);
    assert.ok(performance.now() - startedAt < 20_000, "the farewell is bounded");
  },
);

Deno.test("P3: signet check says what of OTEL_ variables cannot be used, without repeating it", async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret,oops",
  };
  const { code, out, err } = await signetCli(["check", "--upstream", "http://127.0.0.1:3000/mcp"], { env });
  assert.equal(code, 1, out + err);
  assert.match(out, /OTEL_EXPORTER_OTLP_PROTOCOL[\s\S]*gRPC/);
  assert.match(out, /OTEL_EXPORTER_OTLP_HEADERS/);
  assert.doesNotMatch(out + err, /s3cret/);
  const good = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318/s3cret", OTEL_LOGS_EXPORTER: "none" };
  const checked = await signetCli(["check", "--upstream", "http://127.0.0.1:3000/mcp"], { env: good });
  assert.match(checked.out, /exports +traces, metrics to http:\/\/127\.0\.0\.1:4318\n/);
  assert.doesNotMatch(checked.out + checked.err, /s3cret/);
});
