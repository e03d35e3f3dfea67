// Tasks over several servers (MCP 2025-11-25, "Tasks"): each comes back to its member, under an id that only its owner can
// use (docs/behaviour.md A2, A5; docs/protocol.md 34, 39).
import assert from "node:assert/strict";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { freshRing, saidUntil } from "../support/signet.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

/** A member whose tools run as tasks; both members' tasks have one id. */
function withTasks(member: FakeMember): void {
  const { capabilities } = member;
  member.capabilities = { ...capabilities, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } };
  const task = { taskId: "t-1", status: "working", createdAt: "x", lastUpdatedAt: "x", ttl: 1000 };
  const related = { "io.modelcontextprotocol/related-task": { taskId: "t-1" } };
  member.before = ({ method, id, params }) => {
    const { task: asked, taskId } = (params ?? {}) as Json;
    const reply = (message: Json) => member.fake.message({ jsonrpc: "2.0", id, ...message });
    if (method === "tools/call" && asked !== undefined) return reply({ result: { task } });
    if (method === "tasks/list") return reply({ result: { tasks: [task] } });
    if (typeof method !== "string" || !method.startsWith("tasks/")) return undefined;
    if (taskId !== "t-1") return reply({ error: { code: -32602, message: `no such task: ${taskId}` } });
    if (method === "tasks/result") return reply({ result: { content: [], _meta: related } });
    return reply({ result: method === "tasks/cancel" ? { ...task, status: "cancelled" } : task });
  };
}

const codeOf = (answer: Json) => (answer.error as { code: number } | undefined)?.code;

Deno.test("A2: a task goes on at its own member, after a restart too, and is nobody else's", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using plain = new FakeMember();
  withTasks(a);
  withTasks(b);
  const ring = freshRing();
  const flags = ["--principal", "bearer"];
  const own = { authorization: "Bearer one" };
  const other = { authorization: "Bearer two" };
  const ids: string[] = [];
  let session: SeveralSession;
  {
    await using signet = await startSeveral({ a, b, plain }, { ring, flags });
    session = await SeveralSession.open(signet, own);
    const { capabilities } = session.initialized.result as { capabilities: Json };
    assert.deepEqual(capabilities.tasks, { list: {}, cancel: {}, requests: { tools: { call: {} } } });
    for (const name of ["a_echo", "b_echo"]) {
      const { result } = await session.ask("tools/call", { name, arguments: {}, task: { ttl: 1000 } }, own);
      ids.push((result as { task: { taskId: string } }).task.taskId);
    }
    assert.notEqual(ids[0], ids[1]);
    assert.ok(!ids.includes("t-1"));
    const { result } = await session.ask("tasks/list", {}, own) as { result: { tasks: { taskId: string }[] } };
    assert.deepEqual(result.tasks.map(({ taskId }) => taskId).sort(), [...ids].sort());
    // Told of it without asking.
    const listening = await signet.get({ id: session.id, headers: own });
    await until(() => b.fake.streams.size === 1, "b to be listened to");
    const params = { taskId: "t-1", status: "working" };
    b.fake.push({ jsonrpc: "2.0", method: "notifications/tasks/status", params });
    const text = await saidUntil(listening, "notifications/tasks/status");
    assert.ok(text.includes(ids[1]!) && !text.includes("t-1"), text);
  }
  await using signet = await startSeveral({ a, b, plain }, { ring, flags });
  session = session.at(signet);
  for (const [at, member] of [a, b].entries()) {
    const taskId = ids[at]!;
    const got = await session.ask("tasks/get", { taskId }, own) as { result: Json };
    assert.equal(got.result.taskId, taskId);
    const { result } = await session.ask("tasks/result", { taskId }, own) as { result: { _meta: Json } };
    assert.deepEqual(result._meta, { "io.modelcontextprotocol/related-task": { taskId } });
    const cancelled = await session.ask("tasks/cancel", { taskId }, own) as { result: Json };
    assert.equal(cancelled.result.status, "cancelled");
    for (const method of ["tasks/get", "tasks/result", "tasks/cancel"]) assert.equal(member.asked(method).length, 1);
  }
  const asked = () => [a, b, plain].flatMap((member) => member.asked("tasks/get")).length;
  const before = asked();
  // Another caller's, a member's own id, one made up, none: all alike.
  const theirs = await SeveralSession.open(signet, other);
  const words = new Set<unknown>();
  for (const [of, taskId, headers] of [[theirs, ids[0], other], [session, "t-1", own], [session, "x", own]] as const) {
    const refused = await of.ask("tasks/get", { taskId }, headers);
    assert.equal(codeOf(refused), -32602);
    words.add(String((refused.error as Json).message).slice(0, "Unknown task: ".length));
  }
  assert.equal(words.size, 1);
  assert.equal(codeOf(await session.ask("tasks/get", {}, own)), -32602);
  assert.equal(codeOf(await session.ask("tasks/get", { taskId: 7 }, own)), -32602);
  assert.equal(asked(), before);
  // Another session of the owner's finds it too.
  const again = await SeveralSession.open(signet, own);
  assert.equal(((await again.ask("tasks/get", { taskId: ids[0] }, own)).result as Json).taskId, ids[0]);
});

Deno.test("A2: where no member has tasks there are none", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  assert.equal((session.initialized.result as { capabilities: Json }).capabilities.tasks, undefined);
  assert.equal(codeOf(await session.ask("tasks/list")), -32601);
});
