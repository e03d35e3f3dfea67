// What cannot be bridged between the eras, row by row of the table in docs/guides/eras.md, with what is to be seen in its
// place (docs/behaviour.md S2, S5).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { FakeMember } from "../support/several.ts";
import { INITIALIZE, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

Deno.test(
  "S2: a stateless client has none of what servers with sessions have besides: 404, −32601",
  STRICT,
  async () => {
    await using server = new FakeMcp({ sessionsOnly: true });
    await using signet = await TestSignet.start({ upstream: server.url });
    const methods = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list"];
    for (const method of [...methods, "tasks/result", "tasks/get", "tasks/update", "tasks/cancel"]) {
      const params = method.startsWith("tasks/") ? { taskId: "t" } : { uri: "x:1", level: "info" };
      const { status, error } = await answered(ask(signet, method, params));
      // A task's id is looked at first: nobody was ever given one.
      const isTask = ["tasks/get", "tasks/update", "tasks/cancel"].includes(method);
      assert.deepEqual([status, error.code], isTask ? [200, -32602] : [404, -32601], method);
      assert.equal(server.received("POST", method).length, 0, method);
    }
  },
);

Deno.test("S2: a client with a session has no tasks before a stateless server: −32601", STRICT, async () => {
  await using server = new FakeStateless();
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  for (const method of ["tasks/get", "tasks/list", "tasks/result", "tasks/cancel"]) {
    const response = await signet.post({ jsonrpc: "2.0", id: 1, method, params: { taskId: "t" } }, { id });
    const { error } = await response.json();
    assert.deepEqual([response.status, error.code], [200, -32601], method);
    assert.equal(error.message, `Method not found: the MCP server has no ${method}`);
  }
});

Deno.test("S2: tools of a server with sessions promise a stateless client nothing of theirs", STRICT, async () => {
  await using member = new FakeMember();
  const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } };
  member.lists.tools = [{ name: "run", inputSchema, execution: { taskSupport: "optional" } }];
  await using signet = await TestSignet.start({ upstream: member.url });
  const { result } = await answered(ask(signet, "tools/list"));
  const plain = { type: "object", properties: { region: { type: "string" } } };
  assert.deepEqual(result.tools, [{ name: "run", inputSchema: plain }]);
});

Deno.test(
  "S4: a server with sessions that asks outside of any call is told that it cannot: −32601",
  STRICT,
  async () => {
    await using server = new FakeMcp({ sessionsOnly: true });
    await using signet = await TestSignet.start({ upstream: server.url });
    const of = { capabilities: { roots: {} } };
    await answered(ask(signet, "tools/call", { name: "echo", arguments: {} }, of));
    await until(() => server.streams.size === 1, "the server is listened to");
    server.push({ jsonrpc: "2.0", id: "q", method: "roots/list" });
    const refusals = () => server.requests.filter(({ body }) => body.includes('"id":"q"'));
    await until(() => refusals().length === 1, "the server has an answer");
    const error = { code: -32601, message: "this client cannot be asked" };
    assert.deepEqual(JSON.parse(refusals()[0]!.body), { jsonrpc: "2.0", id: "q", error });
  },
);

Deno.test("S2: a batch before a stateless server is one request for each of its messages", STRICT, async () => {
  await using server = new FakeStateless();
  server.on(
    "tools/call",
    ({ params }) => ({ resultType: "complete", content: [], structuredContent: { of: params.name } }),
  );
  await using signet = await TestSignet.start({ upstream: server.url });
  const initialize = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: "2025-03-26" } };
  const id = await signet.open({}, initialize);
  const calls = ["a", "b"].map((name) => ({ jsonrpc: "2.0", id: name, method: "tools/call", params: { name } }));
  const response = await signet.post(calls, { id, headers: { accept: "application/json" } });
  const answers = await response.json();
  assert.deepEqual(answers.map(({ id }: { id: string }) => id).sort(), ["a", "b"]);
  assert.equal(server.received("tools/call").length, 2);
});
