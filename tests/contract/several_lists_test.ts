// Lists of several servers, kept: who is asked again, and when; what is remembered of them is charged and given back
// (docs/behaviour.md A2, A6, A8, M6).
import assert from "node:assert/strict";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import type { TestSignet } from "../support/signet.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

const asked = (...members: FakeMember[]) => members.map((member) => member.asked("tools/list").length);

/** A client that listens, as those of the SDKs do. */
async function listening(signet: TestSignet, session: SeveralSession, members: readonly FakeMember[]) {
  const response = await signet.get({ id: session.id });
  await until(() => members.every(({ fake }) => fake.streams.size > 0), "all members to be listened to");
  return { close: () => response.body?.cancel() };
}

Deno.test("A2: a list that has not changed is not asked for again where a change would be heard, and anew as soon as one is", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const stream = await listening(signet, session, [a, b]);
  const first = await session.names();
  for (let i = 0; i < 3; i++) assert.deepEqual(await session.names(), first);
  assert.deepEqual(asked(a, b), [1, 1]);
  a.lists.tools = [{ name: "other", inputSchema: { type: "object" } }];
  a.fake.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  await until(async () => (await session.names()).includes("a_other"), "the change");
  // Of b nothing has changed.
  assert.equal(asked(b)[0], 1);
  // A gap in the stream may have hidden a change.
  const before = asked(a, b);
  for (const controller of [...b.fake.streams]) controller.close();
  b.fake.streams.clear();
  await until(() => b.fake.streams.size > 0, "b to be listened to again");
  b.lists.tools = [{ name: "unheard", inputSchema: { type: "object" } }];
  assert.ok((await session.names()).includes("b_unheard"));
  assert.equal(asked(a)[0], before[0]);
  await stream.close();
});

Deno.test("A2: who says that it tells of no changes, or is not listened to, is asked each time", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  b.capabilities = { tools: {} };
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  for (let i = 0; i < 3; i++) await session.names();
  assert.deepEqual(asked(a, b), [3, 3]);
  const stream = await listening(signet, session, [a]);
  for (let i = 0; i < 3; i++) await session.names();
  assert.deepEqual(asked(a, b), [4, 6]);
  await stream.close();
});

Deno.test("A2: the pages of one walk are of one list, and ask nobody again", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  for (const [at, member] of [a, b].entries()) {
    member.lists.tools = Array.from({ length: 4000 }, (_, i) => ({ name: `t${at}_${i}`, inputSchema: {} }));
  }
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const one = (await session.ask("tools/list")).result as { tools: Json[]; nextCursor: string };
  // What changes meanwhile is for the next walk.
  a.lists.tools = [];
  b.lists.tools = [];
  const two = (await session.ask("tools/list", { cursor: one.nextCursor })).result as {
    tools: Json[];
    nextCursor?: string;
  };
  assert.equal(one.tools.length + two.tools.length, 8000);
  assert.equal(two.nextCursor, undefined);
  assert.equal(new Set([...one.tools, ...two.tools].map(({ name }) => name)).size, 8000);
  assert.deepEqual(asked(a, b), [1, 1]);
  assert.equal(((await session.ask("tools/list")).result as { tools: Json[] }).tools.length, 0);
});

Deno.test("A8: what was listed with one credential is not answered to another", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  b.before = ({ method, id }, { headers }) => {
    if (method !== "tools/list") return undefined;
    const name = headers.get("authorization") === "Bearer wide" ? "wide" : "narrow";
    return b.fake.message({ jsonrpc: "2.0", id, result: { tools: [{ name, inputSchema: {} }] } });
  };
  await using signet = await startSeveral({ a, b }, { flags: ["--member-credential", "b=client"] });
  const session = await SeveralSession.open(signet, { authorization: "Bearer narrow" });
  const stream = await signet.get({ id: session.id, headers: { authorization: "Bearer narrow" } });
  await until(() => a.fake.streams.size > 0 && b.fake.streams.size > 0, "both members to be listened to");
  const listed = async (token: string) => {
    const { result } = await session.ask("tools/list", {}, { authorization: `Bearer ${token}`, traceparent: token });
    return (result as { tools: Json[] }).tools.map(({ name }) => name);
  };
  for (let i = 0; i < 2; i++) {
    assert.deepEqual((await listed("narrow")).sort(), ["a_echo", "b_narrow"]);
    assert.deepEqual((await listed("wide")).sort(), ["a_echo", "b_wide"]);
  }
  assert.equal(asked(a)[0], 1);
  await stream.body?.cancel();
});

Deno.test("M6: lists that are kept are charged, and given back when their session ends", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const tools = (mark: string) =>
    Array.from({ length: 300 }, (_, i) => ({ name: `${mark}_${i}`, description: "x".repeat(600), inputSchema: {} }));
  a.lists.tools = tools("a");
  b.lists.tools = tools("b");
  await using signet = await startSeveral({ a, b });
  const held = () => signet.metric("signet_buffered_body_bytes");
  const sessions = [];
  const streams = [];
  for (let i = 0; i < 4; i++) {
    const session = await SeveralSession.open(signet);
    sessions.push(session);
    streams.push(await listening(signet, session, [a, b]));
    await session.names();
  }
  await until(async () => await held() > 4 * 2 * 300 * 600, "lists to be charged");
  for (const stream of streams) await stream.close();
  for (const { id } of sessions) await (await signet.delete({ id })).body?.cancel();
  // What is known of a server's list, whoever asks, stays: twice its text, once.
  await until(async () => await held() < 2.5 * 2 * 300 * 650, "lists to be given back");
});
