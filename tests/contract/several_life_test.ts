// A session over several servers from its beginning to its end: who must be there, who comes back, what is told, asked and
// cancelled, whose credential goes where, and what a restart finds (docs/behaviour.md A4–A8, C1, L4, L5, L9, N1).
import assert from "node:assert/strict";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { freshRing, INITIALIZE } from "../support/signet.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

const initializes = (member: FakeMember) => member.asked("initialize").filter(({ method }) => method === "initialize");

/** The messages of an event stream as they come. */
function eventsOf(response: Response): { readonly messages: Json[]; readonly ids: string[]; close(): Promise<void> } {
  const messages: Json[] = [];
  const ids: string[] = [];
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const done = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        const id = /^id: (.*)$/m.exec(event)?.[1];
        if (id !== undefined) ids.push(id);
        const data = /^data: (.+)$/m.exec(event)?.[1];
        if (data !== undefined) messages.push(JSON.parse(data));
      }
    }
  })().catch(() => {});
  return { messages, ids, close: () => reader.cancel().then(() => done) };
}

Deno.test("A4 A6: an optional member that is not there is left out and told; a required one fails it; all must speak", async () => {
  await using a = new FakeMember();
  const b = new FakeMember();
  a.instructions = "Use a.";
  a.protocolVersion = "2025-06-18";
  await b[Symbol.asyncDispose]();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const { result } = session.initialized as {
    result: { instructions: string; protocolVersion: string; capabilities: Json };
  };
  assert.match(result.instructions, /^\[a\]\nUse a\.\n\n\[b\]\nNot available/);
  assert.doesNotMatch(result.instructions, /127\.0\.0\.1/);
  assert.equal(result.protocolVersion, "2025-06-18");
  assert.deepEqual(result.capabilities.tools, { listChanged: true });
  assert.deepEqual(await session.names(), ["a_echo"]);
  assert.equal(((await session.call("b_echo")) as { error: Json }).error !== undefined, true);
  assert.ok(signet.logs.some(({ member, cause }) => member === "b" && cause !== undefined));
  assert.match(await signet.metrics(), /signet_member_events_total\{member="b",event="missed"\} 1/);
  await using strict = await startSeveral({ a, "b!": b });
  const refused = await strict.post(INITIALIZE);
  assert.equal(refused.status, 502);
  assert.match(await refused.text(), /b, which is required/);
  await until(() => a.fake.sessions.size === 1, () => "the session at a to be ended again");
});

Deno.test("A6: one that is back is there for sessions that live, and announces itself once", async () => {
  await using a = new FakeMember();
  const gone = new FakeMember();
  const port = gone.fake.port;
  await gone[Symbol.asyncDispose]();
  await using signet = await startSeveral({ a, b: { url: `http://127.0.0.1:${port}/mcp` } });
  const session = await SeveralSession.open(signet);
  const listening = eventsOf(await signet.get({ id: session.id }));
  await using _back = new FakeMember({ port });
  await until(() => listening.messages.length >= 3, () => `list_changed; heard ${JSON.stringify(listening.messages)}`);
  assert.deepEqual(listening.messages.map(({ method }) => method).sort(), [
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/tools/list_changed",
  ]);
  assert.deepEqual((await session.names()).sort(), ["a_echo", "b_echo"]);
  assert.deepEqual((await session.call("b_echo", { x: 1 })).result, { echoed: { x: 1 } });
  await listening.close();
});

function errorOf(id: unknown, code: number, status: number): Response {
  return Response.json({ jsonrpc: "2.0", id, error: { code, message: "no" } }, { status });
}

Deno.test("A4: who refuses a session for good is not tried again by itself, others are, and the next session asks all", async () => {
  const members: Record<string, FakeMember> = {};
  const refusing = (name: string, answer: (id: unknown) => Response) => {
    const member = members[name] = new FakeMember();
    member.before = ({ method, id }) => method === "initialize" ? answer(id) : undefined;
  };
  const withStatus = (status: number) => () => new Response("no", { status });
  for (const status of [400, 404, 405, 410, 422, 501]) refusing(`good${status}`, withStatus(status));
  for (const status of [403, 408, 409, 425, 429, 500, 503]) refusing(`now${status}`, withStatus(status));
  refusing("good-400-said", (id) => errorOf(id, -32000, 400));
  refusing("good-params", (id) => errorOf(id, -32602, 200));
  refusing("now-503-said", (id) => errorOf(id, -32000, 503));
  refusing("now-internal", (id) => errorOf(id, -32603, 200));
  await using a = new FakeMember();
  const of = (kind: string) => Object.entries(members).filter(([name]) => name.startsWith(kind));
  const asked = (kind: string) => of(kind).map(([name, member]) => `${name} ${initializes(member).length}`);
  try {
    await using signet = await startSeveral({ a, ...members }, { flags: ["--max-id-length", "7000"] });
    const session = await SeveralSession.open(signet);
    const { instructions } = session.initialized.result as { instructions: string };
    for (const [name] of of("good")) assert.ok(instructions.includes(`[${name}]\nNot available in this session`), name);
    for (const [name] of of("now")) assert.ok(instructions.includes(`[${name}]\nNot available at the moment`), name);
    // All had the same pause: whoever was to be tried again with them has been.
    await until(() => of("now").every(([, member]) => initializes(member).length > 1), () => asked("now").join());
    assert.deepEqual(await session.names(), ["a_echo"]);
    assert.match(JSON.stringify(await session.call("good404_echo")), /a new session asks it again/);
    assert.deepEqual(asked("good"), of("good").map(([name]) => `${name} 1`));
    assert.ok(signet.logs.some(({ member, remedy }) => member === "good404" && /new ones ask/.test(String(remedy))));
    const { checks } = await (await fetch(`http://${signet.app.admin}/readyz`)).json();
    assert.match(checks["member good404"], /^refuses sessions, each new one asks again: /);
    assert.match(await signet.metrics(), /signet_member_up\{member="good404"\} 0/);
    members.good404!.before = undefined;
    await SeveralSession.open(signet);
    assert.deepEqual((await session.call("good404_echo", { x: 1 })).result, { echoed: { x: 1 } });
    const after = await (await fetch(`http://${signet.app.admin}/readyz`)).json();
    assert.equal(after.checks["member good404"], "connects");
  } finally {
    await Promise.all(Object.values(members).map((member) => member[Symbol.asyncDispose]()));
  }
});

Deno.test("A6: a member that does not answer initialize in time is left out, and the others are not held up for longer", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const hanging = Promise.withResolvers<Response>();
  b.before = ({ method }) => method === "initialize" ? hanging.promise : undefined;
  await using signet = await startSeveral({ a, b }, { flags: ["--member-timeout", "200ms"] });
  const session = await SeveralSession.open(signet);
  assert.deepEqual(await session.names(), ["a_echo"]);
  hanging.resolve(new Response(null, { status: 500 }));
});

Deno.test("L4 L9: after a restart, and a member's own, concurrent first calls open one session at each member that lost its", async () => {
  const ring = freshRing();
  await using a = new FakeMember();
  await using b = new FakeMember();
  const before = await startSeveral({ a, b }, { ring });
  const session = await SeveralSession.open(before);
  await before[Symbol.asyncDispose]();
  a.fake.forgetSessions();
  await using after = await startSeveral({ a, b }, { ring });
  const again = session.at(after);
  const answers = await Promise.all(["a", "b", "a", "b", "a", "a"].map((name, i) => again.call(`${name}_echo`, { i })));
  assert.deepEqual(answers.map(({ result }) => (result as { echoed: Json }).echoed.i), [0, 1, 2, 3, 4, 5]);
  assert.equal(initializes(a).length, 2);
  assert.equal(initializes(b).length, 1);
  assert.deepEqual(initializes(a)[1]!.params, INITIALIZE.params);
});

Deno.test("A5 N1: what members say comes together on one stream, each once; a question's answer goes to its asker alone", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const listening = eventsOf(await signet.get({ id: session.id }));
  await until(() => a.fake.streams.size === 1 && b.fake.streams.size === 1, () => "both members to be listened to");
  for (const member of [a, b]) {
    member.fake.push({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: member.url } });
    member.fake.push({ jsonrpc: "2.0", id: 7, method: "roots/list" });
    member.fake.push({ jsonrpc: "2.0", id: 8, method: "ping" });
    member.fake.push({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "file:///a" } });
    for (let i = 0; i < 5; i++) member.fake.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  }
  const of = (method: string) => listening.messages.filter((message) => message.method === method);
  await until(
    () => of("notifications/tools/list_changed").length > 0 && listening.messages.length >= 7,
    () => JSON.stringify(listening.messages),
  );
  assert.equal(of("notifications/message").length, 2);
  assert.equal(of("notifications/tools/list_changed").length, 1);
  assert.equal(of("ping").length, 0);
  assert.deepEqual(of("notifications/resources/updated").map(({ params }) => (params as Json).uri).sort(), [
    "a+file:///a",
    "b+file:///a",
  ]);
  const questions = of("roots/list");
  assert.equal(new Set(questions.map(({ id }) => id)).size, 2);
  for (const { id } of questions) {
    await (await signet.post({ jsonrpc: "2.0", id, result: { roots: [{ uri: `for:${id}` }] } }, { id: session.id }))
      .body?.cancel();
  }
  for (const member of [a, b]) {
    await until(
      () => member.fake.received("POST").some(({ body }) => body.includes("for:")),
      () => "the answer at its member",
    );
    const answers = member.fake.received("POST").map(({ body }) => JSON.parse(body)).filter(({ result }) =>
      result?.roots !== undefined
    );
    assert.deepEqual(answers.map(({ id }) => id), [7]);
    assert.ok(member.fake.received("POST").some(({ body }) => body.includes('"id":8') && body.includes('"result":{}')));
  }
  await listening.close();
});

Deno.test("C1 C2: a cancellation reaches its own call at its own member; a duplicate id in flight is refused", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const held = Promise.withResolvers<void>();
  for (const member of [a, b]) {
    member.fake.tool("wait", async () => {
      await held.promise;
      return { done: true };
    });
  }
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const callOf = (id: string, name: string) =>
    signet.post({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {} } }, { id: session.id });
  const first = callOf("one", "a_wait");
  const second = callOf("two", "b_wait");
  await until(() => a.fake.ran.get("wait") === 1 && b.fake.ran.get("wait") === 1, () => "both calls to run");
  const again = await callOf("one", "a_wait");
  assert.equal(((await again.json()) as { error: { code: number } }).error.code, -32600);
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "one" } };
  assert.equal((await signet.post(cancel, { id: session.id })).status, 202);
  await until(() => a.asked("notifications/cancelled").length === 1, () => "the cancellation at a");
  const ran = a.asked("tools/call")[0]!;
  assert.equal((a.asked("notifications/cancelled")[0]!.params as Json).requestId, ran.id);
  assert.equal(b.asked("notifications/cancelled").length, 0);
  held.resolve();
  await (await first).body?.cancel();
  assert.match(await (await second).text(), /"done":true/);
});

Deno.test("A8: the client's token goes to the member that is to have it, a file's to another, none to the rest", async () => {
  await using own = new FakeMember();
  await using theirs = new FakeMember();
  await using none = new FakeMember();
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "fixed-token\n");
  await Deno.chmod(path, 0o600);
  const flags = [
    "--member-credential",
    "own=client",
    "--member-credential",
    `theirs=file:${path}`,
    "--principal",
    "bearer",
  ];
  await using signet = await startSeveral({ own, theirs, none }, { flags });
  const headers = { authorization: "Bearer client-token", traceparent: "00-1", cookie: "c=1", "x-api-key": "k" };
  const session = await SeveralSession.open(signet, headers);
  for (const name of ["own", "theirs", "none"]) await session.call(`${name}_echo`, {}, headers);
  const seen = (
    member: FakeMember,
    name: string,
  ) => [...new Set(member.fake.received("POST").map(({ headers }) => headers.get(name)))];
  assert.deepEqual(seen(own, "authorization"), ["Bearer client-token"]);
  assert.deepEqual(seen(theirs, "authorization"), ["Bearer fixed-token"]);
  assert.deepEqual(seen(none, "authorization"), [null]);
  assert.deepEqual(seen(none, "cookie"), [null]);
  assert.deepEqual(seen(none, "x-api-key"), [null]);
  assert.ok(seen(none, "traceparent").includes("00-1"));
  await Deno.remove(path);
});

Deno.test("L5: DELETE reaches all members and never stops at a failure, after a restart too; whoever could not be told is named", async () => {
  const ring = freshRing();
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using c = new FakeMember();
  const before = await startSeveral({ a, b, c }, { ring });
  const session = await SeveralSession.open(before);
  await before[Symbol.asyncDispose]();
  assert.equal(a.fake.received("DELETE").length, 0);
  a.fake.onRequest = (request) => request.method === "DELETE" ? new Response(null, { status: 500 }) : undefined;
  await using after = await startSeveral({ a, b, c }, { ring });
  const response = await after.delete({ id: session.id });
  assert.equal(response.status, 502);
  const text = await response.text();
  assert.match(text, /a: status 500/);
  assert.doesNotMatch(text, /127\.0\.0\.1/);
  for (const member of [b, c]) assert.equal(member.fake.sessions.size, 0);
  assert.equal((await after.delete({ id: session.id })).status, 404);
});

Deno.test("A2: a list longer than a page goes on by a sealed cursor, over a restart, in its own session alone", async () => {
  const ring = freshRing();
  await using a = new FakeMember();
  await using b = new FakeMember();
  a.lists.tools = Array.from({ length: 4000 }, (_, i) => ({ name: `t${i}`, inputSchema: {} }));
  b.lists.tools = Array.from({ length: 3000 }, (_, i) => ({ name: `u${i}`, inputSchema: {} }));
  a.pageSize = b.pageSize = 500;
  const before = await startSeveral({ a, b }, { ring });
  const session = await SeveralSession.open(before);
  const page = (session: SeveralSession, cursor?: string) =>
    session.ask("tools/list", cursor === undefined ? {} : { cursor }) as Promise<
      { result: { tools: Json[]; nextCursor?: string }; error?: Json }
    >;
  const first = await page(session);
  assert.equal(first.result.tools.length, 5000);
  assert.deepEqual((await page(session)).result.nextCursor, first.result.nextCursor);
  const stranger = await SeveralSession.open(before);
  assert.equal((await page(stranger, first.result.nextCursor)).error?.code, -32602);
  assert.equal((await page(session, "nonsense")).error?.code, -32602);
  await before[Symbol.asyncDispose]();
  await using after = await startSeveral({ a, b }, { ring });
  const last = await page(session.at(after), first.result.nextCursor);
  assert.equal(last.result.tools.length, 2000);
  assert.equal(last.result.nextCursor, undefined);
  const names = [...first.result.tools, ...last.result.tools].map(({ name }) => name);
  assert.equal(new Set(names).size, 7000);
});

Deno.test("E7 A1: members that do not fit into an id are refused before any of them is asked", async () => {
  const members = Array.from(
    { length: 64 },
    (_, i) => [`member-number-${i}x`, { url: `http://127.0.0.1:9/${"p".repeat(40)}${i}` }],
  );
  await using signet = await startSeveral(Object.fromEntries(members));
  const response = await signet.post(INITIALIZE);
  assert.equal(response.status, 400);
  assert.match(await response.text(), /what is sealed of the MCP servers would make a session id of \d+ characters/);
});

Deno.test("P1 A4: /readyz tells of each member, and is ready as long as those are there that must be", async () => {
  await using a = new FakeMember();
  const b = new FakeMember();
  await b[Symbol.asyncDispose]();
  await using signet = await startSeveral({ a, b });
  const response = await fetch(`http://${signet.app.admin}/readyz`);
  const { ready, checks } = await response.json();
  assert.equal(ready, true);
  assert.equal(checks["member a"], "connects");
  assert.match(checks["member b"], /^unreachable/);
  await using strict = await startSeveral({ a, "b!": b });
  const other = await fetch(`http://${strict.app.admin}/readyz`);
  assert.equal(other.status, 503);
  await other.body?.cancel();
});

Deno.test("A5 N3: after a restart a client's Last-Event-ID leads each member's stream on from where it stood", async () => {
  const ring = freshRing();
  await using a = new FakeMember();
  await using b = new FakeMember();
  a.said = [];
  b.said = [];
  const note = (data: string) => ({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data } });
  const before = await startSeveral({ a, b }, { ring });
  const session = await SeveralSession.open(before);
  const first = eventsOf(await before.get({ id: session.id }));
  await until(() => a.fake.streams.size === 1 && b.fake.streams.size === 1, "both members to be listened to");
  a.say(note("a1"));
  b.say(note("b1"));
  await until(() => first.messages.length === 2, () => JSON.stringify(first.messages));
  const lastEventId = first.ids.at(-1)!;
  await before[Symbol.asyncDispose]();
  await first.close();
  await until(() => a.fake.streams.size + b.fake.streams.size === 0, "the streams to be gone");
  a.say(note("a2"));
  a.say(note("a3"));
  await using after = await startSeveral({ a, b }, { ring });
  const again = eventsOf(await after.get({ id: session.id, headers: { "last-event-id": lastEventId } }));
  b.said.push(note("b2"));
  await until(() => again.messages.length >= 3, () => JSON.stringify(again.messages));
  b.say(note("b3"));
  await until(() => again.messages.length >= 4, () => JSON.stringify(again.messages));
  assert.deepEqual(again.messages.map(({ params }) => (params as Json).data).sort().filter((data) => data !== "b3"), [
    "a2",
    "a3",
    "b2",
  ]);
  const stranger = await SeveralSession.open(after);
  const refused = await after.get({ id: stranger.id, headers: { "last-event-id": lastEventId } });
  assert.equal(refused.status, 400);
  await refused.body?.cancel();
  await again.close();
});

Deno.test("A8: an answer to a member's question takes no credential there, and one member's questions leave others room", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b }, { flags: ["--principal", "bearer"] });
  const headers = { authorization: "Bearer client-token", cookie: "c=1" };
  const session = await SeveralSession.open(signet, headers);
  const listening = eventsOf(await signet.get({ id: session.id, headers }));
  await until(() => a.fake.streams.size === 1 && b.fake.streams.size === 1, "both members to be listened to");
  for (let i = 0; i < 300; i++) a.fake.push({ jsonrpc: "2.0", id: i, method: "roots/list" });
  await until(
    () => a.fake.received("POST").some(({ body }) => body.includes("-32603")),
    "what is too much to be refused",
  );
  b.fake.push({ jsonrpc: "2.0", id: "mine", method: "roots/list" });
  b.fake.push({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "last" } });
  await until(() => listening.messages.some(({ method }) => method === "notifications/message"), "b to be heard");
  const questions = listening.messages.filter(({ method }) => method === "roots/list");
  assert.ok(questions.length > 1 && questions.length < 100, String(questions.length));
  for (const { id } of questions) {
    await (await signet.post({ jsonrpc: "2.0", id, result: { roots: [] } }, { id: session.id, headers })).body
      ?.cancel();
  }
  const answered = (member: FakeMember) =>
    member.fake.received("POST").filter(({ body }) => body.includes('"roots":[]'));
  await until(() => answered(b).length === 1, "the answer at b");
  for (const member of [a, b]) {
    for (const { headers } of member.fake.requests) {
      assert.equal(headers.get("authorization"), null);
      assert.equal(headers.get("cookie"), null);
    }
  }
  // What was answered has made room.
  a.fake.push({ jsonrpc: "2.0", id: "again", method: "roots/list" });
  await until(
    () => listening.messages.filter(({ method }) => method === "roots/list").length > questions.length,
    "another question",
  );
  await listening.close();
});

Deno.test("A5 N1: what a member asks or logs on a call's own stream comes on that call's, whatever else is under way", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const held = Promise.withResolvers<void>();
  b.fake.tool("wait", async () => {
    await held.promise;
    return { of: "b" };
  });
  a.before = ({ method, id }) => {
    if (method !== "tools/call") return undefined;
    const events = [
      { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "of a's call" } },
      { jsonrpc: "2.0", id: `q${id}`, method: "elicitation/create", params: { message: "?" } },
      { jsonrpc: "2.0", id, result: { of: "a" } },
    ];
    const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
    return new Response(text, { headers: { "content-type": "text/event-stream" } });
  };
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const callOf = (id: number, name: string) =>
    signet.post({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {} } }, { id: session.id });
  const ofA = callOf(1, "a_echo");
  const ofB = callOf(2, "b_wait");
  await until(() => b.fake.ran.get("wait") === 1, "b's call to run");
  const again = callOf(3, "a_echo");
  const texts = [await (await ofA).text(), await (await again).text()];
  held.resolve();
  for (const text of texts) {
    assert.match(text, /of a's call.*elicitation\/create.*"of":"a"/s);
  }
  assert.doesNotMatch(await (await ofB).text(), /elicitation/);
});

Deno.test("A8: a member that was left out for its credential is greeted with that of the next request for it", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  b.before = ({ method }, request) =>
    method !== undefined && request.headers.get("authorization") !== "Bearer good"
      ? new Response(null, { status: 401 })
      : undefined;
  await using signet = await startSeveral({ a, b }, { flags: ["--member-credential", "b=client"] });
  const session = await SeveralSession.open(signet, { authorization: "Bearer old" });
  assert.ok((await session.call("b_echo", {}, { authorization: "Bearer old" })).error !== undefined);
  const good = { authorization: "Bearer good" };
  assert.deepEqual((await session.call("b_echo", { x: 1 }, good)).result, { echoed: { x: 1 } });
  assert.deepEqual((await session.call("a_echo", { x: 1 }, good)).result, { echoed: { x: 1 } });
  for (const { headers } of a.fake.requests) assert.equal(headers.get("authorization"), null);
});

Deno.test("A8: a list from which a member was left out for its credential is whole as soon as another one comes", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const isOld = (headers: Headers) => headers.get("authorization") === "Bearer old";
  b.before = ({ method }, { headers }) =>
    method === "tools/list" && isOld(headers) ? new Response(null, { status: 401 }) : undefined;
  await using signet = await startSeveral({ a, b }, { flags: ["--member-credential", "b=client"] });
  const session = await SeveralSession.open(signet, { authorization: "Bearer new" });
  const listed = async (token: string) =>
    (await session.ask("tools/list", {}, { authorization: `Bearer ${token}` })).result as { tools: Json[] };
  assert.equal((await listed("old")).tools.length, 1);
  assert.equal((await listed("new")).tools.length, 2);
});
