// What a server with sessions was told for stateless clients, what to tell of changes and how much to log, is told to the
// session that takes a lost one's place, and to the one that is gone on with after a restart (docs/behaviour.md L4, S3).
import assert from "node:assert/strict";
import { FakeMember } from "../support/several.ts";
import { freshRing, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until, within } from "../support/until.ts";

type Json = Record<string, unknown>;

const LEVEL = "io.modelcontextprotocol/logLevel";
const URI = "file:///a";

/** A server that is told what to tell, and logs on a call's stream at the levels that its arguments name. */
class ToldServer extends FakeMember {
  constructor() {
    super();
    this.before = ({ method, id, params }, { sessionId }) => {
      if (id === undefined || !this.fake.sessions.has(sessionId ?? "")) return undefined;
      if (method === "logging/setLevel" || String(method).startsWith("resources/")) {
        return Response.json({ jsonrpc: "2.0", id, result: {} });
      }
      return method === "tools/call"
        ? this.#logs(id, (params as { arguments: { levels?: string[] } }).arguments)
        : undefined;
    };
  }

  get levels(): unknown[] {
    return this.asked("logging/setLevel").map(({ params }) => (params as Json).level);
  }

  #logs(id: unknown, { levels = [] }: { levels?: string[] }): Response {
    const logs = levels.map((level) => ({ method: "notifications/message", params: { level, data: level } }));
    const messages: Json[] = [...logs, { id, result: { content: [] } }];
    const text = messages.map((message) => `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`).join("");
    return new Response(text, { headers: { "content-type": "text/event-stream" } });
  }
}

/** Calls with a wish of what to hear. @returns what was logged */
async function logged(signet: TestSignet, level: string | undefined, levels: string[]): Promise<string[]> {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
    ...(level === undefined ? {} : { [LEVEL]: level }),
  };
  const params = { name: "echo", arguments: { levels }, _meta: meta };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  const { text, result } = await answered(ask(signet, "tools/call", { name: "echo" }, { body }));
  assert.ok(result !== undefined, text);
  return [...text.matchAll(/"data":"(\w+)"/g)].map(([, data]) => data!);
}

Deno.test(
  "S2: the server logs as much as the lowest that is wanted, and each client hears what it wants",
  STRICT,
  async () => {
    await using server = new ToldServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const all = ["debug", "info", "error"];
    assert.deepEqual(await logged(signet, undefined, all), []);
    assert.deepEqual(server.levels, []);
    assert.deepEqual(await logged(signet, "warning", all), ["error"]);
    assert.deepEqual(await logged(signet, "info", all), ["info", "error"]);
    assert.deepEqual(await logged(signet, "error", all), ["error"]);
    assert.deepEqual(server.levels, ["warning", "info"], "told once, and never less");
    assert.deepEqual(await logged(signet, "no such", all), all);
  },
);

Deno.test(
  "L4 S3: a session in a lost one's place logs as the one before, before anything is asked in it",
  STRICT,
  async () => {
    await using server = new ToldServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    await logged(signet, "info", []);
    server.fake.forgetSessions();
    assert.deepEqual(await logged(signet, "error", ["error"]), ["error"]);
    assert.deepEqual(server.levels, ["info", "info"]);
    const order = server.fake.received("POST").map(({ body }) => JSON.parse(body).method).slice(-3);
    assert.deepEqual(order, ["notifications/initialized", "logging/setLevel", "tools/call"]);
  },
);

Deno.test("S2: a server that cannot log is told nothing of it", STRICT, async () => {
  await using server = new ToldServer();
  server.capabilities = { tools: {} };
  await using signet = await TestSignet.start({ upstream: server.url });
  assert.deepEqual(await logged(signet, "debug", ["info"]), ["info"]);
  assert.deepEqual(server.levels, []);
});

/** A stream of changes, and what came on it. */
async function listen(signet: TestSignet) {
  const leaving = new AbortController();
  const notifications = { resourceSubscriptions: [URI] };
  const response = await ask(signet, "subscriptions/listen", { notifications }, { signal: leaving.signal });
  let text = "";
  const reading = response.body!.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (piece) => void (text += piece) }),
  ).catch(() => {});
  await until(() => text.includes("acknowledged"), "the subscription to be acknowledged");
  return {
    updates: () => text.split("notifications/resources/updated").length - 1,
    [Symbol.asyncDispose]: async () => {
      leaving.abort();
      await within("the stream to end", reading);
    },
  };
}

function change(server: FakeMember, uri = URI): void {
  server.fake.push({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });
}

Deno.test("PROTOCOL 31: who watches a resource hears of what is below it, and of no other", STRICT, async () => {
  await using server = new ToldServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  await using stream = await listen(signet);
  await until(() => server.asked("resources/subscribe").length === 1, "the server to be subscribed to");
  for (const uri of [`${URI}else`, `${URI}/part`, `${URI}?part=2`, "other:1", URI]) change(server, uri);
  await until(() => stream.updates() === 3, () => `the three updates, where ${stream.updates()} came`);
});

Deno.test("L4 S3: a subscription goes on in the session that takes a lost one's place", STRICT, async () => {
  await using server = new ToldServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  await using stream = await listen(signet);
  await until(() => server.asked("resources/subscribe").length === 1, "the server to be subscribed to");
  await until(() => server.fake.streams.size === 1, "the server to be listened to");
  change(server);
  await until(() => stream.updates() === 1, "word of the change");
  server.fake.forgetSessions();
  await logged(signet, undefined, []);
  assert.equal(server.asked("resources/subscribe").length, 2);
  await until(() => {
    change(server);
    return stream.updates() > 1;
  }, "word of a change in the new session");
});

Deno.test(
  "S3: who listens again after a restart hears of changes in the session that is gone on with",
  STRICT,
  async () => {
    await using server = new ToldServer();
    await using folder = await TempFolder.create();
    const ring = freshRing();
    const start = () => TestSignet.start({ upstream: server.url, ring, flags: ["--state", `${folder.path}/state`] });
    const first = await start();
    {
      await using _stream = await listen(first);
      await until(() => server.asked("resources/subscribe").length === 1, "the server to be subscribed to");
      assert.deepEqual(await logged(first, "info", []), []);
    }
    await first[Symbol.asyncDispose]();
    assert.equal(server.asked("resources/unsubscribe").length, 0, "another process may want to hear of it");
    await using second = await start();
    await using stream = await listen(second);
    await until(() => {
      change(server);
      return stream.updates() > 0;
    }, "word of a change");
    assert.equal(server.asked("initialize").length, 1);
    assert.deepEqual(await logged(second, "error", ["error"]), ["error"]);
  },
);
