// How a stateless client's answers end when nobody has ended them: in words, never in silence, and with codes that mean
// nothing else in its revision (docs/behaviour.md S5; docs/protocol.md 32, 35).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const encoder = new TextEncoder();
const ACK = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}}';

/** A server whose answers begin as events, and go on as the test wants. */
class OpenEnded extends FakeMcp {
  readonly open: ReadableStreamDefaultController<Uint8Array>[] = [];

  constructor(begins: string) {
    super();
    this.onRequest = ({ body }) => {
      if (body.includes("server/discover")) return undefined;
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.open.push(controller);
          controller.enqueue(encoder.encode(begins));
        },
      });
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    };
  }
}

function lastEvent(text: string) {
  assert.ok(text.endsWith("\n\n"), "it has ended");
  return JSON.parse(text.split("\n").findLast((line) => line.startsWith("data: {"))!.slice(6));
}

Deno.test("PROTOCOL 32: a subscription that Signet ends as it goes down ends with its result", STRICT, async () => {
  const server = new OpenEnded(`data: ${ACK}\n\n`);
  const signet = await TestSignet.start({ upstream: server.url });
  const listening = await ask(signet, "subscriptions/listen", { notifications: {} }, { rpcId: "mine" });
  await until(() => server.open.length === 1, "the server is listened to");
  const text = listening.text();
  await signet[Symbol.asyncDispose]();
  assert.deepEqual(lastEvent(await text), {
    jsonrpc: "2.0",
    id: "mine",
    result: { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": "mine" } },
  });
  await server[Symbol.asyncDispose]();
});

for (const begins of [": begun\n\n", 'data: {"jsonrpc":"2.0","method":"notifications/progress","par']) {
  Deno.test(
    `S5 B9: a call whose server breaks off ends with an error on its stream (${begins.slice(0, 7).trim()})`,
    STRICT,
    async () => {
      await using server = new OpenEnded(begins);
      await using signet = await TestSignet.start({ upstream: server.url });
      const response = await ask(signet, "tools/call", { name: "x" }, { rpcId: 7 });
      await until(() => server.open.length === 1, "the server has begun");
      server.open[0]!.error(new Error("broken"));
      const { id, error } = lastEvent(await response.text());
      assert.equal(id, 7);
      assert.deepEqual([error.code, typeof error.message], [502, "string"]);
    },
  );
}

Deno.test("PROTOCOL 35: Signet's own refusals have codes that no revision gives another meaning", STRICT, async () => {
  const server = new FakeMcp();
  const { url } = server;
  await server[Symbol.asyncDispose]();
  await using signet = await TestSignet.start({ upstream: url });
  const { status, error } = await answered(ask(signet, "tools/call", { name: "x" }));
  assert.deepEqual([status, error.code], [502, 502]);
  const session = await signet.post({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    },
  });
  assert.equal((await session.json()).error.code, -32000, "clients with sessions know the one they have always had");
});
