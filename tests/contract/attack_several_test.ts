// What a caller or a member tries against several servers behind one session: what is denied stays denied however it is
// spelt, and one member's words are nobody else's trouble (docs/behaviour.md A5, A6, A7).
import assert from "node:assert/strict";
import { FakeMember, messageIn, SeveralSession, startSeveral } from "../support/several.ts";

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
