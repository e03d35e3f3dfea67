// What is easily forgotten between several servers: cursors that are none, progress on a member's question, members that
// refuse a credential again and again, sessions that rest (docs/behaviour.md A2, A4–A8).
import assert from "node:assert/strict";
import { VERSION } from "../../lib/platform/version.ts";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { freshRing } from "../support/signet.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

const codeOf = (answer: Json) => (answer.error as { code: number } | undefined)?.code;

Deno.test("A2: a cursor that is no text is refused, whatever else it is", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  for (const method of ["tools/list", "prompts/list", "resources/list", "resources/templates/list"]) {
    for (const cursor of [1, 0, true, {}, [], ["x"], "", "x"]) {
      assert.equal(codeOf(await session.ask(method, { cursor })), -32602, `${method} ${JSON.stringify(cursor)}`);
    }
    assert.equal(codeOf(await session.ask(method, { cursor: null })), -32602, method);
  }
});

Deno.test("A1: clients are told Signet's name and its version", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const { result } = (await SeveralSession.open(signet)).initialized as { result: { serverInfo: Json } };
  assert.deepEqual(result.serverInfo, { name: "signet", title: "Signet", version: VERSION });
});

Deno.test("A5: what a client says of the progress of a member's question reaches that member, in its own words", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const listening = await signet.get({ id: session.id });
  const reader = listening.body!.pipeThrough(new TextDecoderStream()).getReader();
  await until(() => a.fake.streams.size === 1 && b.fake.streams.size === 1, "both members to be listened to");
  for (const member of [a, b]) {
    const params = { messages: [], maxTokens: 1, _meta: { progressToken: 5, kept: "yes" } };
    member.fake.push({ jsonrpc: "2.0", id: 1, method: "sampling/createMessage", params });
  }
  let text = "";
  const questions = () =>
    [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!)).filter(({ id }) => id !== undefined);
  while (questions().length < 2) text += (await reader.read()).value ?? "";
  const tokens = questions().map(({ params }) => params._meta.progressToken);
  assert.equal(new Set(tokens).size, 2, JSON.stringify(tokens));
  assert.ok(questions().every(({ params }) => params._meta.kept === "yes"));
  for (const [at, progressToken] of tokens.entries()) {
    const params = { progressToken, progress: at + 1 };
    await signet.post({ jsonrpc: "2.0", method: "notifications/progress", params }, { id: session.id });
  }
  // Of nobody's question, and of one that is answered: nobody's business.
  for (const progressToken of [5, "5", "made up"]) {
    const params = { progressToken, progress: 99 };
    await signet.post({ jsonrpc: "2.0", method: "notifications/progress", params }, { id: session.id });
  }
  const told = (member: FakeMember) => member.asked("notifications/progress").map(({ params }) => params as Json);
  await until(() => told(a).length === 1 && told(b).length === 1, "progress at both");
  assert.deepEqual([...told(a), ...told(b)].map(({ progress }) => progress).sort(), [1, 2]);
  assert.ok([...told(a), ...told(b)].every(({ progressToken }) => progressToken === 5));
  const [first] = questions();
  await signet.post({ jsonrpc: "2.0", id: first.id, result: {} }, { id: session.id });
  const params = { progressToken: first.params._meta.progressToken, progress: 99 };
  await signet.post({ jsonrpc: "2.0", method: "notifications/progress", params }, { id: session.id });
  assert.deepEqual((await session.call("a_echo", { x: 1 })).result, { echoed: { x: 1 } });
  assert.equal(told(a).length + told(b).length, 2);
  await reader.cancel();
});

/** 401 to whoever has not this token. */
function wantsToken(member: FakeMember, token: string): void {
  member.before = (_message, request) =>
    request.headers.get("authorization") === `Bearer ${token}` ? undefined : new Response(null, { status: 401 });
}

Deno.test("A6 A8: a member that refuses a credential is not greeted with it at each use, before and after a restart", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  wantsToken(b, "good");
  const ring = freshRing();
  const flags = ["--member-credential", "b=client"];
  const old = { authorization: "Bearer old" };
  const good = { authorization: "Bearer good" };
  let session: SeveralSession;
  const greetings = () => b.asked("initialize").length;
  const useAll = async () => {
    for (let i = 0; i < 5; i++) {
      assert.ok(codeOf(await session.call("b_echo", {}, old)) !== undefined);
      assert.equal(((await session.ask("tools/list", {}, old)).result as { tools: Json[] }).tools.length, 1);
    }
  };
  {
    await using signet = await startSeveral({ a, b }, { ring, flags });
    session = await SeveralSession.open(signet, old);
    await useAll();
    assert.ok(greetings() <= 3, `${greetings()} greetings`);
  }
  const before = greetings();
  await using signet = await startSeveral({ a, b }, { ring, flags });
  session = session.at(signet);
  await useAll();
  assert.ok(greetings() - before <= 3, `${greetings() - before} greetings after a restart`);
  // Another credential waits for nothing.
  assert.deepEqual((await session.call("b_echo", { x: 1 }, good)).result, { echoed: { x: 1 } });
});

Deno.test("A7: files are denied in every case of their names", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  a.lists.resources = ["file:///Home/Secret/a", "file:///home/open/a", "https://x.example/Secret"].map((uri) => ({
    uri,
    name: "r",
  }));
  await using signet = await startSeveral({ a, b }, { flags: ["--deny-resource", "a/file:///home/secret/*"] });
  const session = await SeveralSession.open(signet);
  const listed = await session.names("resources/list", "uri");
  assert.deepEqual(listed.filter((uri) => uri.startsWith("a+")), [
    "a+file:///home/open/a",
    "a+https://x.example/Secret",
  ]);
  const cafe = ["file:///HOME/SECRET/b", "FILE:///home/SECRET/b", "file:///home/%53ecret/b", "file:////Home//secret/b"];
  for (const uri of cafe) {
    assert.equal(codeOf(await session.ask("resources/read", { uri: `a+${uri}` })), -32602, uri);
  }
  assert.equal(a.asked("resources/read").length, 0);
});
