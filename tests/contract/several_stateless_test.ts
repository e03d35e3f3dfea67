// Servers without sessions among several (MCP 2026-07-28; docs/behaviour.md S1, S2, A2, A6): for clients with sessions beside
// servers that have them, and for clients without sessions where no server has any.
import assert from "node:assert/strict";
import { FakeStateless } from "../support/fake_stateless.ts";
import { FakeMember, messageIn, SeveralSession, startSeveral } from "../support/several.ts";
import { freshRing, type TestSignet } from "../support/signet.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

const META = "io.modelcontextprotocol/";

function withTools(server: FakeStateless, ...names: string[]): FakeStateless {
  const tools = names.map((name) => ({ name, inputSchema: { type: "object" } }));
  server.on("tools/list", () => ({ resultType: "complete", tools, ttlMs: 5000, cacheScope: "public" }));
  server.on("tools/call", ({ params, headers }) => ({
    resultType: "complete",
    content: [{ type: "text", text: JSON.stringify([params.name, headers.get("mcp-name"), params.arguments]) }],
  }));
  return server;
}

/** A client without a session. */
function statelessly(signet: TestSignet, given: Record<string, string> = {}) {
  const envelope = {
    [`${META}protocolVersion`]: "2026-07-28",
    [`${META}clientInfo`]: { name: "test", version: "1" },
    [`${META}clientCapabilities`]: { elicitation: {} },
  };
  return async (method: string, params: Json = {}, name?: string): Promise<Json & { status: number }> => {
    const headers = {
      ...given,
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name === undefined ? {} : { "mcp-name": name }),
    };
    const message = { jsonrpc: "2.0", id: 7, method, params: { ...params, _meta: envelope } };
    const response = await signet.post(message, { headers });
    return { status: response.status, ...await messageIn(response) };
  };
}

const textIn = ({ result }: Json) => JSON.parse((result as { content: [{ text: string }] }).content[0].text);

Deno.test("S2 A4: a server without sessions is a member beside one that has them, over a restart too", async () => {
  await using old = new FakeMember();
  await using young = withTools(new FakeStateless(), "think");
  // As frameworks say that there is no such thing.
  old.before = ({ method }) =>
    method === "server/discover" ? new Response("Cannot POST /mcp", { status: 404 }) : undefined;
  const ring = freshRing();
  let session: SeveralSession;
  {
    await using signet = await startSeveral({ old, young }, { ring });
    session = await SeveralSession.open(signet);
    assert.deepEqual((await session.names()).sort(), ["old_echo", "young_think"]);
    assert.deepEqual(textIn(await session.call("young_think", { x: 1 })), ["think", "think", { x: 1 }]);
    const stateless = statelessly(signet);
    const result = (await stateless("tools/list")).result as { tools: { name: string }[] };
    assert.deepEqual(result.tools.map(({ name }) => name).sort(), ["old_echo", "young_think"]);
  }
  await using signet = await startSeveral({ old, young }, { ring });
  session = session.at(signet);
  assert.deepEqual(textIn(await session.call("young_think", { x: 2 })), ["think", "think", { x: 2 }]);
  assert.deepEqual((await session.call("old_echo", { x: 1 })).result, { echoed: { x: 1 } });
});

Deno.test("S2 A2: where no server has sessions, discovery is the intersection, and lists hold as long as each does", async () => {
  await using a = withTools(new FakeStateless(), "one");
  await using b = withTools(new FakeStateless(), "two");
  a.capabilities = { tools: { listChanged: true }, prompts: {}, completions: {} };
  b.capabilities = { tools: {}, resources: {} };
  b.on("tools/list", () => ({
    resultType: "complete",
    tools: [{ name: "two", inputSchema: {}, _meta: { kept: 1 } }],
    ttlMs: 1500,
    cacheScope: "private",
  }));
  await using signet = await startSeveral({ a, b });
  const ask = statelessly(signet);
  const found = (await ask("server/discover")).result as Json;
  assert.deepEqual(found.supportedVersions, ["2026-07-28"]);
  assert.equal(found.resultType, "complete");
  assert.deepEqual(Object.keys(found.capabilities as Json).sort(), ["completions", "prompts", "resources", "tools"]);
  assert.equal(found.ttlMs, 0);
  assert.equal(found.cacheScope, "private");
  const list = (await ask("tools/list")).result as Json & { tools: Json[] };
  assert.deepEqual(list.tools.map(({ name }) => name).sort(), ["a_one", "b_two"]);
  assert.equal(list.resultType, "complete");
  assert.equal(list.cacheScope, "private");
  assert.ok((list.ttlMs as number) > 0 && (list.ttlMs as number) <= 1500, String(list.ttlMs));
  assert.deepEqual(list.tools.find(({ name }) => name === "b_two")!._meta, { kept: 1 });
  // Within that time it is answered from what is known.
  const again = (await ask("tools/list")).result as Json;
  assert.ok((again.ttlMs as number) <= (list.ttlMs as number));
  assert.equal(a.received("tools/list").length, 1);
  for (const { params } of a.received("tools/list")) {
    assert.equal(((params._meta as Json)[`${META}clientInfo`] as Json).name, "test");
  }
  assert.equal((await ask("prompts/list")).status, 200);
  const removed = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list", "no/such"];
  for (const method of removed) {
    const { status, error } = await ask(method, { uri: "a+file:///x" });
    assert.deepEqual([status, (error as Json).code], [404, -32601], method);
  }
});

Deno.test("PROTOCOL 23: the name in the header is turned with that in the body; nobody's name goes nowhere", async () => {
  await using a = withTools(new FakeStateless(), "one");
  await using b = withTools(new FakeStateless(), "zwei ☃");
  await using signet = await startSeveral({ a, b });
  const ask = statelessly(signet);
  const called = await ask("tools/call", { name: "a_one", arguments: { n: 1 } }, "a_one");
  assert.deepEqual(textIn(called), ["one", "one", { n: 1 }]);
  const { tools } = (await ask("tools/list")).result as { tools: { name: string }[] };
  const short = tools.find(({ name }) => name.startsWith("b_"))!.name;
  const [name, header] = textIn(await ask("tools/call", { name: short, arguments: {} }, short));
  assert.equal(name, "zwei ☃");
  assert.match(header, /^=\?base64\?/);
  assert.equal(
    (await ask("tools/call", { name: "c_one", arguments: {} }, "c_one") as { error?: Json }).error!.code,
    -32602,
  );
  assert.equal(a.received("tools/call").length, 1);
  // Arguments in headers go along; whose call it is stays here.
  await signet.post({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: {
      name: "a_one",
      arguments: { n: 2 },
      _meta: { [`${META}protocolVersion`]: "2026-07-28", [`${META}clientCapabilities`]: {} },
    },
  }, {
    headers: {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "a_one",
      "mcp-param-n": "2",
      authorization: "Bearer x",
    },
  }).then((response) => response.body?.cancel());
  const last = a.received("tools/call").at(-1)!;
  assert.equal(last.headers.get("mcp-param-n"), "2");
  assert.equal(last.headers.get("authorization"), null);
});

Deno.test("S1: what a server gives its client to bring back comes back to it byte for byte, and to no other", async () => {
  await using a = new FakeStateless();
  await using b = withTools(new FakeStateless(), "plain");
  const state = "state of a \u00e9";
  a.on("tools/call", ({ params }) =>
    params.requestState === undefined
      ? {
        resultType: "input_required",
        inputRequests: { who: { method: "elicitation/create", params: { message: "?", requestedSchema: {} } } },
        requestState: state,
      }
      : {
        resultType: "complete",
        content: [{ type: "text", text: JSON.stringify([params.requestState, params.inputResponses]) }],
      });
  await using signet = await startSeveral({ a, b }, { flags: ["--principal", "bearer"] });
  const ask = statelessly(signet, { authorization: "Bearer one" });
  const asked = (await ask("tools/call", { name: "a_any", arguments: {} }, "a_any")).result as Json;
  assert.equal(asked.resultType, "input_required");
  assert.notEqual(asked.requestState, state);
  const answers = { inputResponses: { who: { action: "accept", content: {} } }, requestState: asked.requestState };
  const done = await ask("tools/call", { name: "a_any", arguments: {}, ...answers }, "a_any");
  assert.deepEqual(textIn(done), [state, answers.inputResponses]);
  const elsewhere = await ask("tools/call", { name: "b_plain", arguments: {}, ...answers }, "b_plain");
  assert.equal((elsewhere.error as Json).code, -32602);
  assert.equal(b.received("tools/call").length, 0);
  const other = statelessly(signet, { authorization: "Bearer two" });
  const stolen = await other("tools/call", { name: "a_any", arguments: {}, ...answers }, "a_any");
  assert.equal((stolen.error as Json).code, -32602);
});

Deno.test("S1 PROTOCOL 34: a task comes back to its member under an id that only its owner can use", async () => {
  await using a = new FakeStateless();
  await using b = new FakeStateless();
  for (const [at, server] of [a, b].entries()) {
    server.capabilities = { tools: {}, extensions: { "io.modelcontextprotocol/tasks": {} } };
    const task = { taskId: "t-1", status: "working", createdAt: "x", lastUpdatedAt: "x", ttlMs: null };
    server.on("tools/call", () => ({ resultType: "task", ...task }));
    server.on("tasks/get", ({ params, headers }) => ({
      resultType: "complete",
      ...task,
      status: "completed",
      result: { content: [{ type: "text", text: JSON.stringify([at, params.taskId, headers.get("mcp-name")]) }] },
    }));
    server.on("tasks/cancel", () => ({ resultType: "complete" }));
  }
  await using signet = await startSeveral({ a, b }, { flags: ["--principal", "bearer"] });
  const ask = statelessly(signet, { authorization: "Bearer one" });
  const other = statelessly(signet, { authorization: "Bearer two" });
  const found = (await ask("server/discover")).result as { capabilities: { extensions: Json } };
  assert.deepEqual(found.capabilities.extensions, { "io.modelcontextprotocol/tasks": {} });
  for (const [at, name] of ["a_x", "b_x"].entries()) {
    const { taskId } = (await ask("tools/call", { name, arguments: {} }, name)).result as { taskId: string };
    assert.notEqual(taskId, "t-1");
    const got = (await ask("tasks/get", { taskId }, taskId)).result as Json;
    assert.equal(got.taskId, taskId);
    assert.deepEqual(textIn(got as Json), [at, "t-1", "t-1"]);
    assert.equal(((await other("tasks/get", { taskId }, taskId)).error as Json).code, -32602);
    assert.ok((await ask("tasks/cancel", { taskId }, taskId)).result !== undefined);
  }
  assert.equal(a.received("tasks/get").length + b.received("tasks/get").length, 2);
  // Of a client without a session is none of a session's, whoever has it, and the other way round.
  const { taskId } = (await ask("tools/call", { name: "a_x", arguments: {} }, "a_x")).result as { taskId: string };
  const own = { authorization: "Bearer one" };
  const session = await SeveralSession.open(signet, own);
  assert.ok((await session.ask("tasks/get", { taskId }, own)).error !== undefined);
  assert.ok((await session.ask("tools/list", { cursor: taskId }, own)).error !== undefined);
  assert.equal(a.received("tasks/cancel").length, 1);
});

Deno.test("A4 A6: a server that is out is left out, and there again as soon as it is", async () => {
  await using a = withTools(new FakeStateless(), "one");
  const gone = new FakeStateless();
  const { port, url } = gone;
  await gone[Symbol.asyncDispose]();
  await using signet = await startSeveral({ a, b: { url } });
  const ask = statelessly(signet);
  assert.match(String(((await ask("server/discover")).result as Json).instructions), /\[b\]\nNot available/);
  const names = async () =>
    ((await ask("tools/list")).result as { tools: { name: string }[] }).tools.map(({ name }) => name).sort();
  assert.deepEqual(await names(), ["a_one"]);
  assert.ok((await ask("tools/call", { name: "b_two", arguments: {} }, "b_two")).error !== undefined);
  await using _back = withTools(new FakeStateless(port), "two");
  await until(async () => (await names()).length === 2, "b to be back");
});

/** The messages of an answer's stream, as they come. */
function messagesOf(response: Response) {
  const messages: Json[] = [];
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const done = (async () => {
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) if (line.startsWith("data: {")) messages.push(JSON.parse(line.slice(6)));
    }
  })().catch(() => {});
  return { messages, close: () => reader.cancel().then(() => done) };
}

Deno.test("A5 PROTOCOL 31: one subscription hears of all servers, each part goes to its own, and one's end is nobody else's", async () => {
  await using a = new FakeStateless();
  await using b = new FakeStateless();
  a.honors = ({ toolsListChanged, resourceSubscriptions }) => ({ toolsListChanged, resourceSubscriptions });
  b.honors = ({ promptsListChanged }) => ({ promptsListChanged });
  await using signet = await startSeveral({ a, b });
  const notifications = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourceSubscriptions: ["a+file:///x", "b+file:///y", "c+file:///z"],
  };
  const _meta = { [`${META}protocolVersion`]: "2026-07-28", [`${META}clientCapabilities`]: {} };
  const message = { jsonrpc: "2.0", id: "mine", method: "subscriptions/listen", params: { notifications, _meta } };
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" };
  const { messages, close } = messagesOf(await signet.post(message, { headers }));
  await until(() => messages.length > 0, "the acknowledgement");
  assert.equal(messages[0]!.method, "notifications/subscriptions/acknowledged");
  const params = messages[0]!.params as Json & { _meta: Json };
  assert.equal(params._meta[`${META}subscriptionId`], "mine");
  assert.deepEqual(params.notifications, {
    toolsListChanged: true,
    promptsListChanged: true,
    resourceSubscriptions: ["a+file:///x"],
  });
  const [atA] = a.received("subscriptions/listen"), [atB] = b.received("subscriptions/listen");
  assert.deepEqual((atA!.params.notifications as Json).resourceSubscriptions, ["file:///x"]);
  assert.deepEqual((atB!.params.notifications as Json).resourceSubscriptions, ["file:///y"]);
  const [ofA] = a.subscriptions, [ofB] = b.subscriptions;
  ofA!.tell("notifications/resources/updated", { uri: "file:///x" });
  ofB!.tell("notifications/prompts/list_changed");
  await until(() => messages.length === 3, () => JSON.stringify(messages));
  const heard = messages.slice(1).sort((x, y) => String(x.method).localeCompare(String(y.method)));
  assert.deepEqual(heard.map(({ method }) => method), [
    "notifications/prompts/list_changed",
    "notifications/resources/updated",
  ]);
  assert.equal((heard[1]!.params as Json).uri, "a+file:///x");
  for (const { params } of heard) assert.equal((params as { _meta: Json })._meta[`${META}subscriptionId`], "mine");
  // The end of one: it is asked again, and what may have changed is told.
  ofA!.end();
  a.subscriptions.delete(ofA!);
  ofB!.tell("notifications/prompts/list_changed");
  await until(() => messages.length === 4, "b to be heard");
  await until(() => a.subscriptions.size === 1, "a to be asked again");
  await until(() => messages.some(({ method }) => method === "notifications/tools/list_changed"), "what may be new");
  await close();
  await until(() => a.subscriptions.size === 0 && b.subscriptions.size === 0, "both to be let go of");
});

Deno.test("A2: a client without a session goes on with a long list after a restart, and nobody else with his", async () => {
  await using a = new FakeStateless();
  await using b = withTools(new FakeStateless(), ...Array.from({ length: 3000 }, (_, i) => `b${i}`));
  withTools(a, ...Array.from({ length: 3000 }, (_, i) => `a${i}`));
  const ring = freshRing();
  const flags = ["--principal", "bearer"];
  let first: Json & { tools: Json[]; nextCursor: string };
  {
    await using signet = await startSeveral({ a, b }, { ring, flags });
    first = (await statelessly(signet, { authorization: "Bearer one" })("tools/list")).result as typeof first;
  }
  await using signet = await startSeveral({ a, b }, { ring, flags });
  const cursor = first.nextCursor;
  const stolen = await statelessly(signet, { authorization: "Bearer two" })("tools/list", { cursor });
  assert.equal((stolen.error as Json).code, -32602);
  const rest = (await statelessly(signet, { authorization: "Bearer one" })("tools/list", { cursor }))
    .result as typeof first;
  assert.equal(new Set([...first.tools, ...rest.tools].map(({ name }) => name)).size, 6000);
});

Deno.test("A6: a server that floods a subscription, acknowledges nonsense or lists for ever harms no other", async () => {
  await using good = withTools(new FakeStateless(), "one");
  await using bad = new FakeStateless();
  bad.honors = () => ({ toolsListChanged: "yes", resourceSubscriptions: [{}, 7], taskIds: "x" }) as never;
  bad.on("tools/list", () => ({ resultType: "complete", tools: [{ name: "t" }, 7, null], ttlMs: -5, cacheScope: {} }));
  bad.on("tools/call", () => ({ resultType: "task", taskId: "x".repeat(5000) }));
  await using signet = await startSeveral({ good, bad });
  const ask = statelessly(signet);
  const list = (await ask("tools/list")).result as Json & { tools: Json[] };
  assert.deepEqual(list.tools.map(({ name }) => name).sort(), ["bad_t", "good_one"]);
  assert.deepEqual([list.ttlMs, list.cacheScope], [0, "private"]);
  // An id that could not come back leads nowhere.
  const { taskId } = (await ask("tools/call", { name: "bad_t", arguments: {} }, "bad_t")).result as { taskId: string };
  assert.ok(taskId.length < 1000);
  assert.ok((await ask("tasks/get", { taskId }, taskId)).error !== undefined);
  const _meta = { [`${META}protocolVersion`]: "2026-07-28", [`${META}clientCapabilities`]: {} };
  const listen = async (notifications: unknown) => {
    const message = { jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: { notifications, _meta } };
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" };
    return await signet.post(message, { headers });
  };
  for (const wrong of [7, undefined, [], { resourceSubscriptions: [1] }, { taskIds: "x" }]) {
    const refused = await messageIn(await listen(wrong)) as { error: { code: number } };
    assert.equal(refused.error.code, -32602, JSON.stringify(wrong));
  }
  // Its client reads nothing of it.
  const response = await listen({ toolsListChanged: true, resourceSubscriptions: ["bad+file:///x"] });
  await until(() => bad.subscriptions.size === 1, "the subscription");
  const [subscription] = bad.subscriptions;
  for (let i = 0; i < 300; i++) {
    subscription!.tell("notifications/resources/updated", { uri: "file:///x", filler: "x".repeat(50_000) });
  }
  for (let i = 0; i < 20; i++) {
    assert.deepEqual(textIn(await ask("tools/call", { name: "good_one", arguments: { i } }, "good_one"))[2], { i });
  }
  assert.ok(await signet.metric("signet_buffered_body_bytes") < 8 * 1024 * 1024);
  await response.body?.cancel();
  await until(() => bad.subscriptions.size === 0, "the subscription to be let go of");
});
