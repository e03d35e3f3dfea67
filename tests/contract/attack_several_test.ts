// What a caller or a member tries against several servers behind one session: what is denied stays denied however it is
// spelt, and one member's words are nobody else's trouble (docs/behaviour.md A5, A6, A7).
import assert from "node:assert/strict";
import { FakeMember, messageIn, SeveralSession, startSeveral } from "../support/several.ts";
import { freshRing } from "../support/signet.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

/** As a server reads it whose parser takes names without case, or the first of two. */
function namesIn(body: string): string {
  return [...body.matchAll(/"(?:name|uri|method)"\s*:\s*"([^"]*)"/gi)].map(([, value]) => value).join(" ");
}

async function raw(session: SeveralSession, body: string): Promise<Json> {
  const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
  const response = await fetch(session.signet.url, {
    method: "POST",
    body,
    headers: { ...headers, "mcp-session-id": session.id, "mcp-protocol-version": "2025-11-25" },
  });
  if (response.status === 202) return await response.body?.cancel(), {};
  return await messageIn(response);
}

Deno.test("A7: a denied name does not reach its server beside an allowed one, in another case or as the first of two", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b }, {
    flags: ["--deny-tool", "a/secret", "--deny-resource", "a/x:secret", "--deny-prompt", "a/secret"],
  });
  const session = await SeveralSession.open(signet);
  const frame = (method: string, params: string, more = "") =>
    `{"jsonrpc":"2.0","id":"1","method":"${method}","params":${params}${more}}`;
  const attempts = [
    frame("tools/call", '{"name":"secret","name":"a_echo","arguments":{}}'),
    frame("tools/call", '{"name":"a_echo","Name":"secret","arguments":{}}'),
    frame("tools/call", '{"name":"a_echo","n\\u0041me":"secret","arguments":{}}'),
    frame("tools/call", '{"name":"a_echo","arguments":{}}', ',"Params":{"name":"secret"}'),
    frame("tools/call", '{"name":"a_echo","arguments":{}}', ',"param\u017f":{"name":"secret"}'),
    frame("prompts/get", '{"name":"a_ask","arguments":{}}', ',"METHOD":"tools/call","PARAMS":{"name":"secret"}'),
    frame("prompts/get", '{"name":"a_ask","NAME":"secret"}'),
    frame("resources/read", '{"uri":"a+x:fine","URI":"x:secret"}'),
    frame("completion/complete", '{"ref":{"type":"ref/prompt","name":"a_ask","Name":"secret"},"argument":{}}'),
    frame(
      "completion/complete",
      '{"Ref":{"type":"ref/prompt","name":"secret"},"ref":{"type":"ref/prompt","name":"a_ask"}}',
    ),
    '{"jsonrpc":"2.0","method":"notifications/x","Method":"tools/call","ID":7,"params":{"name":"secret"}}',
    '{"jsonrpc":"2.0","id":"x-1","result":{},"Method":"tools/call","Params":{"name":"secret"}}',
    '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"secret"}}',
    '{"jsonrpc":"2.0","method":"resources/read","params":{"uri":"x:secret"}}',
  ];
  const reached: string[] = [];
  for (const attempt of attempts) {
    const before = a.fake.requests.length;
    await raw(session, attempt);
    const sent = a.fake.requests.slice(before).map(({ body }) => namesIn(body)).join(" ");
    if (/secret/.test(sent)) reached.push(attempt);
  }
  // What was sent as a notification may still be on its way.
  await session.call("a_echo");
  for (const { body } of a.fake.requests) if (/secret/.test(body)) reached.push(body);
  assert.deepEqual(reached, []);
});

Deno.test("A7: an answer that would be a request to who reads names without case is refused", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  for (const name of ["Method", "METHOD", "m\\u0065thoD"]) {
    const body = `{"jsonrpc":"2.0","id":"x-1","result":{},"${name}":"tools/call","params":{"name":"echo"}}`;
    assert.equal(((await raw(session, body)).error as Json).code, -32600, name);
  }
});

Deno.test("A7: a denied address stays denied in every spelling that a server would take for it", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b }, {
    flags: [
      "--deny-resource",
      "a/file:///secret/*",
      "--allow-resource",
      "b/file:///open/*",
      "--allow-resource",
      "a/*",
      "--allow-resource",
      "b/db://x/y%20z",
      "--deny-resource",
      "a/file:///o%6ece",
    ],
  });
  const session = await SeveralSession.open(signet);
  const spellings = [
    "a+file:///secret/x",
    "A+FILE:///secret/x",
    "a+file:///%73ecret/x",
    "a+file:///a/../secret/x",
    "a+file:///a/%2e%2e/secret/x",
    "a+file:///./secret/x",
    "a+file://localhost/secret/x",
    "a+file:/secret/x",
    "a+file:\\\\\\secret\\x",
    "a+file:///%2573ecret/x",
    "a+file:///once",
    "a+file:////secret/x",
    "a+file:///secret//x",
    "a+file:///once?",
    "a+file:///once#x",
    "a+file://host//secret/x",
    "b+file:///open/../secret/x",
    "b+file:///open/%2e%2e/secret/x",
    "b+file:///open/..%2fsecret/x",
  ];
  for (const uri of spellings) {
    for (const method of ["resources/read", "resources/subscribe"]) {
      const answer = await session.ask(method, { uri });
      assert.deepEqual([uri, (answer.error as Json)?.code], [uri, -32602]);
    }
  }
  for (const member of [a, b]) assert.equal(member.asked("resources/read").length, 0);
  for (
    const uri of [
      "a+file:///fine/x%20y",
      "a+file:///secrets",
      "b+file:///open/x%20y",
      "b+file:///open/{path}",
      "b+db://x/y%20z",
    ]
  ) {
    assert.notEqual((await session.ask("resources/read", { uri })).result, undefined, uri);
  }
});

/** Gives its sessions ids of this length. */
function withIdsOf(length: number): FakeMember {
  const member = new FakeMember();
  member.before = ({ method, id, params }) => {
    if (method !== "initialize") return undefined;
    const session = crypto.randomUUID().padEnd(length, "x");
    member.fake.sessions.add(session);
    const { protocolVersion } = params as Json;
    const result = { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "long", version: "1" } };
    return Response.json({ jsonrpc: "2.0", id, result }, { headers: { "mcp-session-id": session } });
  };
  return member;
}

Deno.test("A6: a member's long session id keeps nobody from opening a session, nor is one left behind", async () => {
  const ring = freshRing();
  await using good = new FakeMember();
  await using one = withIdsOf(2000);
  await using two = withIdsOf(2000);
  await using far = withIdsOf(5000);
  const members = { good, one, two, far };
  const before = await startSeveral(members, { ring });
  const session = await SeveralSession.open(before);
  for (const name of ["good", "one", "two", "far"]) {
    assert.deepEqual((await session.call(`${name}_echo`)).result, { echoed: {} }, name);
  }
  await before[Symbol.asyncDispose]();
  // What no id leads back to has ended there.
  assert.deepEqual([one, two, far].map(({ fake }) => fake.sessions.size).sort(), [0, 0, 1]);
  await using after = await startSeveral(members, { ring });
  for (const name of ["good", "one", "two", "far"]) {
    assert.deepEqual((await session.at(after).call(`${name}_echo`)).result, { echoed: {} }, name);
  }
  assert.equal(good.asked("initialize").length, 1);
});

Deno.test("A1: forty members have one session where ids may be long", async () => {
  const members = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m${i}`, new FakeMember()]));
  try {
    await using signet = await startSeveral(members, { flags: ["--max-id-length", "8192"] });
    const session = await SeveralSession.open(signet);
    assert.deepEqual((await session.call("m39_echo")).result, { echoed: {} });
    assert.equal((await session.names()).length, 40);
  } finally {
    for (const member of Object.values(members)) await member[Symbol.asyncDispose]();
  }
});

Deno.test("A5 A6: one member's long event ids are no reason to lose what another one's stream holds", async () => {
  const ring = freshRing();
  await using a = new FakeMember();
  await using b = new FakeMember();
  a.said = [];
  const answer = b.fake.onRequest!;
  b.fake.onRequest = (request) => {
    if (request.method !== "GET") return answer(request);
    const event = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "of b" } };
    const text = `id: ${"L".repeat(2040)}\ndata: ${JSON.stringify(event)}\n\n`;
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(text)) });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const say = (data: string) => ({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data } });
  const before = await startSeveral({ a, b }, { ring });
  const session = await SeveralSession.open(before);
  let last: string;
  {
    await using stream = await listening(session);
    await until(() => stream.text.includes("of b"), "what b says");
    a.say(say("of a"));
    await until(() => stream.text.includes("of a"), "what a says");
    last = [...stream.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
  }
  await before[Symbol.asyncDispose]();
  a.say(say("missed"));
  await using after = await startSeveral({ a, b }, { ring });
  await using stream = await listening(session.at(after), last);
  await until(() => stream.text.includes("missed"), "what a said meanwhile");
});

Deno.test("M3: lists that wait for a slow member are charged for as long as they wait", async () => {
  await using slow = new FakeMember();
  await using big = new FakeMember();
  const gate = Promise.withResolvers<void>();
  slow.before = async ({ method }) => {
    if (method === "tools/list") await gate.promise;
    return undefined;
  };
  big.lists.tools = Array.from({ length: 40 }, (_, i) => ({ name: `t${i}`, description: "d".repeat(40_000) }));
  await using signet = await startSeveral({ slow, big });
  const session = await SeveralSession.open(signet);
  const lists: Promise<Json>[] = [];
  try {
    // One after the other: what is charged while an answer is read is that of one.
    for (let held = 1_600_000; held < 10_000_000; held += 1_600_000) {
      lists.push(session.ask("tools/list"));
      await until(async () => await signet.metric("signet_buffered_body_bytes") >= held, `${held} bytes held`);
    }
  } finally {
    gate.resolve();
  }
  for (const { result } of await Promise.all(lists)) assert.equal((result as { tools: Json[] }).tools.length, 41);
  await until(async () => await signet.metric("signet_buffered_body_bytes") < 1_000_000, "nothing is held");
});

Deno.test("A6: what one member says of itself at length, or in depth, keeps nobody from opening a session", async () => {
  const deep = JSON.parse("[".repeat(500) + "]".repeat(500));
  for (const settings of [{ text: "y".repeat(3_000_000) }, { deep }]) {
    await using good = new FakeMember();
    await using bad = new FakeMember();
    bad.instructions = "i".repeat(500_000);
    bad.capabilities = { ...bad.capabilities, extensions: { "io.modelcontextprotocol/ui": settings } };
    good.capabilities = { ...good.capabilities, extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["a/b"] } } };
    await using signet = await startSeveral({ bad, good });
    const session = await SeveralSession.open(signet);
    const { capabilities } = session.initialized.result as { capabilities: Json };
    assert.deepEqual(capabilities.extensions, { "io.modelcontextprotocol/ui": { mimeTypes: ["a/b"] } });
    assert.deepEqual((await session.call("good_echo")).result, { echoed: {} });
  }
});

/** A listening stream, and all that has come on it. */
async function listening(session: SeveralSession, lastEventId?: string) {
  const abort = new AbortController();
  const headers = { accept: "text/event-stream", "mcp-session-id": session.id, "mcp-protocol-version": "2025-11-25" };
  const response = await fetch(session.signet.url, {
    headers: { ...headers, ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }) },
    signal: abort.signal,
  });
  const stream = {
    text: "",
    async [Symbol.asyncDispose]() {
      abort.abort();
      await reading;
    },
  };
  const read = async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) stream.text += text;
  };
  const reading = read().catch(() => {});
  return stream;
}
