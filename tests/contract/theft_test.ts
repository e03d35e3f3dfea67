// What a client is given to bring back, in other hands or damaged (docs/behaviour.md S1, O1; docs/protocol.md 16, 19, 33,
// 34). Of a request's state the rows are in sealed_state_test.ts; here are the rows of task ids and cursors, of event ids,
// and of the ids of what a server asks its client in a session of Signet's own.
import assert from "node:assert/strict";
import { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { call, freshRing, INITIALIZE, TestSignet } from "../support/signet.ts";
import { answered, ask, type Params, resultOf, withoutErrorId } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** A value that a server gives out: by which request, where it stands, and how it is brought back. */
interface Given {
  readonly method: string;
  readonly params: Params;
  readonly result: string;
  read(result: Record<string, string>): string;
  readonly back: { readonly method: string; params(value: string): Params };
  readonly refusal: unknown;
}

const GIVEN: Readonly<Record<string, Given>> = {
  "a task id": {
    method: "tools/call",
    params: { name: "ask", arguments: {} },
    result: '{"resultType":"task","taskId":"t-1","status":"working","ttlMs":null}',
    read: ({ taskId }) => taskId!,
    back: { method: "tasks/get", params: (taskId) => ({ taskId }) },
    refusal: { code: -32602, message: "Invalid params: unknown task", data: { reason: "unknown_task" } },
  },
  "a cursor": {
    method: "tools/list",
    params: {},
    result: '{"tools":[],"nextCursor":"page two","ttlMs":0,"cacheScope":"private"}',
    read: ({ nextCursor }) => nextCursor!,
    back: { method: "tools/list", params: (cursor) => ({ cursor }) },
    refusal: {
      code: -32602,
      message: "Invalid params: the cursor is not one that was given for this list",
      data: { reason: "invalid_cursor" },
    },
  },
};

function serverOf({ method, result }: Given): FakeMcp {
  const server = new FakeMcp();
  server.onRequest = (request) => JSON.parse(request.body).method === method ? resultOf(request, result) : undefined;
  return server;
}

/** Every spelling of a value that is one character away from it, or cut, or longer. */
function damaged(value: string): string[] {
  const flipped = [...value].map((char, at) => value.slice(0, at) + (char === "a" ? "b" : "a") + value.slice(at + 1));
  const cut = [1, 8, value.length >> 1].map((by) => value.slice(0, -by));
  return [...flipped, ...cut, value + "a", value + value, value.toUpperCase(), ""].filter((one) => one !== value);
}

for (const [name, given] of Object.entries(GIVEN)) {
  const bring = (signet: TestSignet, value: string, token?: string) =>
    answered(ask(signet, given.back.method, given.back.params(value), token === undefined ? {} : { token }));

  Deno.test(`S1: ${name} of another caller, or damaged anywhere, is refused alike`, STRICT, async () => {
    await using server = serverOf(given);
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
    const alice = await issuer.token("alice"), mallory = await issuer.token("mallory");
    const value = given.read((await answered(ask(signet, given.method, given.params, { token: alice }))).result);
    const reached = server.requests.length;
    for (const [one, token] of [[value, mallory], ...damaged(value).map((one) => [one, alice])] as [string, string][]) {
      const { status, error } = await bring(signet, one, token);
      assert.deepEqual([status, withoutErrorId(error)], [200, given.refusal], one);
    }
    assert.equal(server.requests.length, reached, "the server is asked nothing");
    assert.equal((await bring(signet, value, alice)).error, undefined, "its owner's is as good as before");
  });

  Deno.test(`S1: ${name} is good for its own server, and under a key as long as the ring has it`, STRICT, async () => {
    const [first, second] = [freshRing().active, freshRing().active];
    await using server = serverOf(given);
    await using elsewhere = serverOf(given);
    await using signet = await TestSignet.start({ upstream: server.url, ring: new KeyRing([first]) });
    await using other = await TestSignet.start({ upstream: elsewhere.url, ring: new KeyRing([first]) });
    await using rotated = await TestSignet.start({ upstream: server.url, ring: new KeyRing([second, first]) });
    await using without = await TestSignet.start({ upstream: server.url, ring: new KeyRing([second]) });
    const value = given.read((await answered(ask(signet, given.method, given.params))).result);
    assert.equal((await bring(rotated, value)).error, undefined);
    for (const [one, at] of [[other, elsewhere], [without, server]] as const) {
      const reached = at.requests.length;
      const { status, error } = await bring(one, value);
      assert.deepEqual([status, withoutErrorId(error), at.requests.length], [200, given.refusal, reached]);
    }
  });
}

const ASKER = { ...INITIALIZE, params: { ...INITIALIZE.params, capabilities: { sampling: {} } } };

/** Reads events until one of them fits. */
async function eventOf(response: Response, fits: (event: string) => boolean): Promise<string> {
  let text = "";
  for await (
    const piece of response.body!.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
  ) {
    text += piece;
    const found = text.split("\n\n").slice(0, -1).find(fits);
    if (found !== undefined) return found;
  }
  throw new Error(`reading events: found ${text}`);
}

/** Two callers with a session each before a stateless server: sessions that are Signet's own. */
async function twoSessions() {
  const server = new FakeStateless();
  server.capabilities = { tools: { listChanged: true } };
  const issuer = await TestIssuer.create();
  const signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
  const open = async (name: string) => {
    const token = await issuer.token(name);
    const id = await signet.open({ token }, ASKER);
    await (await signet.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { id, token })).body?.cancel();
    return { id, token };
  };
  return {
    ...{ server, signet, alice: await open("alice"), mallory: await open("mallory") },
    async [Symbol.asyncDispose]() {
      await signet[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test(
  "O1 PROTOCOL 16: an event id leads on in its own session, for its owner, as it was given",
  STRICT,
  async () => {
    await using scene = await twoSessions();
    const { server, signet, alice, mallory } = scene;
    const leaving = new AbortController();
    const listening = await signet.get({ ...alice, signal: leaving.signal });
    await until(() => server.subscriptions.size === 1, "the server is listened to");
    const heard = eventOf(listening, (event) => event.includes("list_changed"));
    for (const open of server.subscriptions) open.tell("notifications/tools/list_changed");
    const eventId = /^id: (.*)$/m.exec(await heard)![1]!;
    leaving.abort();
    const resumed = async (of: typeof alice, lastEventId: string) => {
      const response = await signet.get({ ...of, headers: { "last-event-id": lastEventId } });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await resumed(mallory, eventId), 400, "another owner's, in his own session");
    assert.equal(await resumed({ ...alice, token: mallory.token }, eventId), 403, "in hers, as himself");
    const [tag, run, stream] = eventId.split("-");
    for (const other of [`${tag}-${run}-99-1`, `${tag}-${run}-${stream}-99`, eventId.slice(4), "", "no-such-event"]) {
      if (other !== "") assert.equal(await resumed(alice, other), 400, other);
    }
    for (let at = 0; at < tag!.length; at++) {
      const flipped = eventId.slice(0, at) + (eventId[at] === "a" ? "b" : "a") + eventId.slice(at + 1);
      assert.equal(await resumed(alice, flipped), 400, flipped);
    }
    assert.equal(await resumed(alice, eventId), 200);
  },
);

Deno.test("O1 PROTOCOL 19: what a server asks is answered by its own client alone", STRICT, async () => {
  await using scene = await twoSessions();
  const { server, signet, alice, mallory } = scene;
  const told: unknown[] = [];
  server.on("tools/call", ({ params }) => {
    if (params.inputResponses === undefined) {
      const inputRequests = { model: { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } } };
      return { resultType: "input_required", inputRequests, requestState: "s" };
    }
    told.push(params.inputResponses);
    return { resultType: "complete", content: [] };
  });
  const running = await signet.post(call(1, "ask"), alice);
  const events = running.body!.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let text = "";
  while (!text.includes("sampling/createMessage")) text += (await events.read()).value ?? "";
  const question = JSON.parse(/^data: (\{.*sampling.*\})$/m.exec(text)![1]!);
  assert.equal(typeof question.id, "string");
  const say = async (of: { id?: string; token?: string }, id: string, who: string) => {
    const result = { role: "assistant", model: who, content: { type: "text", text: who } };
    const response = await signet.post({ jsonrpc: "2.0", id, result }, of);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await say(mallory, question.id, "mallory"), 202, "in his own session: it goes nowhere");
  assert.equal(await say({ ...alice, token: mallory.token }, question.id, "mallory"), 403, "in hers, as himself");
  for (const one of damaged(question.id)) assert.equal(await say(alice, one, "damaged"), 202, one);
  assert.deepEqual(told, [], "nobody's answer has reached the server");
  assert.equal(await say(alice, question.id, "alice"), 202);
  while (!text.includes('"content":[]')) text += (await events.read()).value ?? "";
  assert.equal(await say(alice, question.id, "alice, again"), 202);
  assert.equal(told.length, 1);
  assert.match(JSON.stringify(told), /"model":"alice"/);
  await events.cancel();
});
