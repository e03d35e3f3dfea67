// Stateless clients (MCP 2026-07-28) and stdio servers of both eras: one process a principal, messages passed on or
// translated, and a clear answer where neither is possible (docs/protocol.md 25, 28–32, 35, 38).
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { ServerCommand } from "../../lib/upstream/stdio/launch.ts";
import { HAS_CENSUS, nobodyLeft } from "../support/process_census.ts";
import {
  type Asking,
  EventReader,
  fixture,
  type Json,
  readAnswer,
  resultOf,
  type Seen,
  TestStdio,
} from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const MODERN: ServerCommand = {
  command: Deno.execPath(),
  args: ["run", "-A", `${ROOT}tests/fixtures/stdio_sdk2_server.ts`],
  cwd: ROOT,
};

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": { sampling: {} },
};

function stateless(id: string | number, method: string, params: Json = {}, meta: Json = {}): Json {
  return { jsonrpc: "2.0", id, method, params: { ...params, _meta: { ...META, ...meta } } };
}

function tool(id: string | number, name: string, args: Json = {}, meta: Json = {}): Json {
  return stateless(id, "tools/call", { name, arguments: args }, meta);
}

function post(stdio: TestStdio, message: Json, asking: Asking = {}): Promise<Seen> {
  return stdio.post(message, { principal: "ada", ...asking });
}

function errorOf({ messages }: Seen): { code: number; message: string } {
  return messages[0]!.error as { code: number; message: string };
}

/** Opens a stream for `message` and answers its reader and what cuts it. */
async function open(stdio: TestStdio, message: Json, principal = "ada") {
  const call = stdio.begin(message, { principal });
  return { events: new EventReader(await call.response), leave: () => call.abort() };
}

for (const [era, server] of [["modern", MODERN], ["legacy", fixture("--lists")]] as const) {
  Deno.test(`PROTOCOL 38: server/discover is answered for a server of the ${era} era`, OPTIONS, async () => {
    await using stdio = new TestStdio({ server });
    const { status, messages } = await post(stdio, stateless("d", "server/discover"));
    assert.equal(status, 200);
    const result = messages[0]!.result as Json;
    assert.equal(messages[0]!.id, "d");
    assert.deepEqual(result.supportedVersions, ["2026-07-28"]);
    assert.equal(result.resultType, "complete");
    assert.ok((result.capabilities as Json).tools !== undefined);
    assert.ok(Number(result.ttlMs) >= 0 && ["public", "private"].includes(String(result.cacheScope)));
  });

  Deno.test(`PROTOCOL 28: results of a server of the ${era} era say what they are`, OPTIONS, async () => {
    await using stdio = new TestStdio({ server });
    const list = (await post(stdio, stateless(1, "tools/list"))).messages[0]!.result as Json;
    assert.equal(list.resultType, "complete");
    assert.ok(Array.isArray(list.tools) && Number(list.ttlMs) >= 0 && list.cacheScope !== undefined);
    const called = (await post(stdio, tool(2, "echo", { text: "hi" }))).messages[0]!.result as Json;
    assert.equal(called.resultType, "complete");
    assert.equal(called.ttlMs, undefined);
  });

  Deno.test(`B1: principals have processes of their own, their clients share one (${era} era)`, OPTIONS, async () => {
    await using stdio = new TestStdio({ server });
    const seen = [];
    for (const principal of ["ada", "bob", "ada"]) {
      const { messages } = await post(stdio, tool("same id", "count"), { principal });
      const [{ text }] = (messages[0]!.result as { content: [{ text: string }] }).content;
      seen.push(text);
    }
    const counts = seen.map((text) => /\d+/.exec(text)![0]);
    assert.deepEqual(counts, ["1", "1", "2"]);
    assert.equal(stdio.upstream.slots.total, 2);
  });

  Deno.test(`B6: clients that choose the same ids and tokens do not meet (${era} era)`, OPTIONS, async () => {
    await using stdio = new TestStdio({ server });
    const name = era === "modern" ? "slow" : "progress";
    const ask = (steps: number) => tool(1, name, { steps, gate: `g${steps}` }, { progressToken: "same" });
    const [two, three] = [await open(stdio, ask(2)), await open(stdio, ask(3))];
    if (era === "modern") { for (const steps of [2, 3]) await post(stdio, tool(9, "open", { gate: `g${steps}` })); }
    for (const [{ events }, steps] of [[two, 2], [three, 3]] as const) {
      const messages = await events.rest();
      assert.equal(messages.length, steps + 1);
      for (const [i, { params }] of messages.slice(0, -1).entries()) {
        assert.deepEqual([(params as Json).progressToken, (params as Json).progress], ["same", i + 1]);
      }
      assert.equal(messages.at(-1)!.id, 1);
      events.release();
    }
  });

  Deno.test(`PROTOCOL 30: a client that closes its stream cancels its call (${era} era)`, OPTIONS, async () => {
    await using stdio = new TestStdio({ server, limits: { streamAfterMs: 0 } });
    await post(stdio, tool(0, "count"));
    const slow = tool(1, "slow", { steps: 1, gate: "never" }, { progressToken: 1 });
    const { leave, events } = await open(stdio, era === "modern" ? slow : tool(1, "wait"));
    if (era === "modern") await events.next(); // the tool runs
    leave();
    events.release();
    const seen = async () => {
      const { messages } = await post(stdio, tool(2, era === "modern" ? "cancelled" : "state"));
      const [{ text }] = (messages.at(-1)!.result as { content: [{ text: string }] }).content;
      return era === "modern" ? text === "1" : JSON.parse(text).cancelled.length === 1;
    };
    await until(seen, "the server has heard of it");
  });

  Deno.test(
    `PROTOCOL 31: a subscription is acknowledged first, and told only what it wants (${era} era)`,
    OPTIONS,
    async () => {
      await using stdio = new TestStdio({ server });
      const notifications = { toolsListChanged: true, promptsListChanged: false };
      const { events, leave } = await open(stdio, stateless("mine", "subscriptions/listen", { notifications }));
      const key = "io.modelcontextprotocol/subscriptionId";
      const acknowledged = await events.next();
      assert.equal(acknowledged!.method, "notifications/subscriptions/acknowledged");
      const params = acknowledged!.params as Json;
      assert.deepEqual([params.notifications, (params._meta as Json)[key]], [{ toolsListChanged: true }, "mine"]);
      await post(stdio, era === "modern" ? tool(1, "add-tool", { name: "later" }) : tool(1, "changed"));
      const changed = await events.next();
      assert.equal(changed!.method, "notifications/tools/list_changed");
      assert.equal(((changed!.params as Json)._meta as Json)[key], "mine");
      leave();
      events.release();
    },
  );
}

Deno.test(
  "PROTOCOL 31: subscriptions to resources reach a server of the sessions' era, and are taken back",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio();
    const listen = (id: number) =>
      open(stdio, stateless(id, "subscriptions/listen", { notifications: { resourceSubscriptions: ["a:1"] } }));
    const [one, two] = [await listen(1), await listen(2)];
    for (const { events } of [one, two]) await events.next();
    const subscribed = async () => resultOf((await post(stdio, tool(3, "state"))).messages[0]).subscribed;
    assert.deepEqual(await subscribed(), ["a:1"]);
    const line = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}';
    await post(stdio, tool(4, "raw", { line }));
    for (const [i, { events }] of [one, two].entries()) {
      const { method, params } = (await events.next())!;
      assert.equal(method, "notifications/resources/updated");
      assert.deepEqual(params, { uri: "a:1", _meta: { "io.modelcontextprotocol/subscriptionId": i + 1 } });
    }
    one.leave();
    assert.deepEqual(await subscribed(), ["a:1"], "the other still wants to know");
    two.leave();
    await until(async () => (await post(stdio, tool(5, "state"))).status === 200, "the server answers");
    for (const { events } of [one, two]) events.release();
  },
);

Deno.test(
  "PROTOCOL 25: what a server of the sessions' era cannot do without one is 404 with -32601",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio();
    for (const method of ["ping", "logging/setLevel", "tasks/get", "no/such", "resources/subscribe"]) {
      const seen = await post(stdio, stateless(1, method));
      assert.deepEqual([seen.status, errorOf(seen).code], [404, -32601], method);
    }
  },
);

Deno.test(
  "B9: a subscription whose server dies is told by the next one, which nobody has to ask for",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio();
    const notifications = { resourceSubscriptions: ["a:1"] };
    const { events, leave } = await open(stdio, stateless(1, "subscriptions/listen", { notifications }));
    await events.next();
    const [before] = stdio.upstream.pids;
    Deno.kill(before!, "SIGKILL");
    await until(() => stdio.upstream.pids.some((pid) => pid !== before), "another process is there");
    assert.deepEqual(resultOf((await post(stdio, tool(2, "state"))).messages[0]).subscribed, ["a:1"]);
    leave();
    events.release();
  },
);

Deno.test("PROTOCOL 35: codes that the modern era does not have are not passed on", OPTIONS, async () => {
  const answer = (id: string, body: string) => `printf '{"jsonrpc":"2.0","id":${id},${body}}\\n'`;
  const result = '"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}';
  // Answers discover with an error, then, in a new process, initialize, and each call after with an old code.
  const server = {
    command: "/bin/sh",
    args: [
      "-c",
      `while read -r line; do case "$line" in *server/discover*) ${
        answer("1", '"error":{"code":-32601,"message":"no"}')
      };; ` +
      `*'"initialize"'*) ${answer("1", result)};; *one*) ${
        answer("2", '"error":{"code":-32002,"message":"gone"}')
      };; ` +
      `*two*) ${answer("3", '"error":{"code":-32042,"message":"url"}')};; esac; done`,
    ],
  };
  await using stdio = new TestStdio({ server });
  const seen = [];
  for (const uri of ["one:", "two:"]) {
    seen.push(errorOf(await post(stdio, stateless(uri, "resources/read", { uri }))).code);
  }
  assert.deepEqual(seen, [-32602, -32603]);
});

Deno.test("PROTOCOL 28: a translated result keeps what the server said, to the last digit", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const result = '{"_meta":{"a":1},"n":12345678901234567890.10,"resultType":"lie","content":[]}';
  const line = `{"result": ${result}, "jsonrpc":"2.0","id":3}`;
  await post(stdio, tool(0, "echo"));
  const call = stdio.begin(tool("x", "wait"), { principal: "ada" });
  await post(stdio, tool(1, "raw", { line }));
  const response = await call.response;
  const text = new TextDecoder().decode(await response.body.readAll(1e6));
  response.release();
  assert.ok(text.includes('"n":12345678901234567890.10'), text);
  const { id, result: { resultType, _meta } } = JSON.parse(text);
  assert.deepEqual([id, resultType, _meta.a], ["x", "complete", 1]);
});

Deno.test(
  "B2: a principal's process ends when it has been idle, and the next request starts another",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ limits: { idleMs: 20 } });
    await post(stdio, tool(1, "count"));
    await nobodyLeft(stdio.token);
    const { messages } = await post(stdio, tool(1, "count"));
    assert.equal(resultOf(messages[0]).count, 1);
  },
);

Deno.test("B5: a crash fails the calls in flight, and the next finds a new process", OPTIONS, async () => {
  await using stdio = new TestStdio();
  assert.match(errorOf(await post(stdio, tool(1, "crash"))).message, /ended before it answered/);
  assert.equal(resultOf((await post(stdio, tool(2, "count"))).messages[0]).count, 1);
});

Deno.test("PROTOCOL 38: a probe is never answered with 5xx, whatever is wrong", OPTIONS, async () => {
  await using dying = new TestStdio({ server: fixture("--die-at-start", "--error") });
  const seen = await post(dying, stateless(1, "server/discover"));
  assert.deepEqual([seen.status, errorOf(seen).code], [404, -32601]);
  await using full = new TestStdio({ caps: { maxProcesses: 0 } });
  assert.equal((await post(full, stateless(1, "server/discover"))).status, 404);
  await assert.rejects(post(full, tool(1, "echo")), { code: "session_limit" });
});

Deno.test(
  "B1: a stateless request of nobody in particular starts nothing: it would share a process with others",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio();
    await assert.rejects(stdio.post(tool(1, "echo")), { code: "internal" });
    assert.equal(stdio.upstream.slots.most, 0);
  },
);

Deno.test("PROTOCOL 25: a request without its envelope does not reach the server", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: MODERN });
  const bare = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
  const fields = ["mcp-protocol-version", "2026-07-28"];
  await assert.rejects(post(stdio, bare, { fields }), { code: "invalid_params" });
  assert.equal((await post(stdio, stateless(2, "tools/list"))).status, 200);
  await assert.rejects(post(stdio, bare, { fields }), { code: "invalid_params" });
  const { messages } = await post(stdio, stateless(3, "tools/list"));
  assert.equal((messages[0]!.result as Json).resultType, "complete", "the process is still of the modern era");
});

Deno.test("PROTOCOL 10: a stateless notification is accepted and starts nothing", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const message = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1, _meta: META } };
  assert.equal((await post(stdio, message)).status, 202);
  assert.equal(stdio.upstream.slots.most, 0);
});

Deno.test("B6: a server that asks although nobody can answer is told so", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const none = { "io.modelcontextprotocol/clientCapabilities": {} };
  assert.deepEqual(resultOf((await post(stdio, tool(1, "sample", {}, none))).messages.at(-1)), { got: null });
});

Deno.test("S4: a stdio server that asks in mid-call is answered by the request made again", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const { messages } = await post(stdio, tool(1, "sample"));
  const { resultType, inputRequests, requestState } = messages.at(-1)!.result as Json;
  assert.equal(resultType, "input_required");
  const [key] = Object.keys(inputRequests as Json);
  const said = { role: "assistant", model: "m", content: { type: "text", text: "aye" } };
  const params = { name: "sample", arguments: {}, requestState, inputResponses: { [key!]: said } };
  const ended = await post(stdio, stateless(2, "tools/call", params));
  assert.deepEqual(resultOf(ended.messages.at(-1)), { got: said });
});

Deno.test("PROTOCOL 32: closing ends a subscription with its result", OPTIONS, async () => {
  const stdio = new TestStdio({ server: fixture("--lists") });
  const { events } = await open(
    stdio,
    stateless(1, "subscriptions/listen", { notifications: { toolsListChanged: true } }),
  );
  await events.next();
  const closing = stdio.upstream.close();
  const [end] = await events.rest();
  const _meta = { "io.modelcontextprotocol/subscriptionId": 1 };
  assert.deepEqual([end!.id, end!.result], [1, { resultType: "complete", _meta }]);
  events.release();
  await closing;
  await nobodyLeft(stdio.token);
});

Deno.test("PROTOCOL 30: a client that leaves before its server runs costs nothing in the end", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--mute"), limits: { idleMs: 0, startTimeoutMs: 100 } });
  const call = stdio.begin(tool(1, "echo"), { principal: "ada" });
  call.abort();
  await assert.rejects(call.response, { code: "aborted" });
  await nobodyLeft(stdio.token);
});

Deno.test("B6: an answer in JSON goes to a client that takes only that", OPTIONS, async () => {
  await using stdio = new TestStdio();
  const seen = await readAnswer(
    await stdio.begin(tool(1, "progress", { steps: 2 }, { progressToken: 1 }), {
      principal: "ada",
      accept: "application/json",
    }).response,
  );
  assert.deepEqual([seen.type, seen.messages.length], ["application/json", 1]);
});
