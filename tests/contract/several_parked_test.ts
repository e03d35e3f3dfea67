// Several servers with sessions behind a stateless client (docs/behaviour.md S2, S4, A5): what one wants to know in mid-call
// belongs to a call of its own, and so does the answer; what it tells of a resource is told of the one that clients know.
import assert from "node:assert/strict";
import { AskingServer } from "../support/asking_server.ts";
import { FakeMember, messageIn, startSeveral } from "../support/several.ts";
import { saidUntil, TestSignet } from "../support/signet.ts";
import { ask, type StatelessAsk } from "../support/stateless.ts";
import type { Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until, within } from "../support/until.ts";

const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {} };

function startBefore(a: AskingServer, b: AskingServer): Promise<TestSignet> {
  return TestSignet.start({ upstream: `a=${a.url}`, flags: ["--upstream", `b=${b.url}`] });
}

/** Calls a tool that asks under the id 7, whatever else is asked at the same time; or goes on with such a call. */
async function callAsking(signet: TestSignet, name: string, goingOn: Json = {}, of: StatelessAsk = {}): Promise<Json> {
  const params = { name, arguments: { questions: [[7, "elicitation/create", { message: name }]] }, ...goingOn };
  const response = ask(signet, "tools/call", params, { capabilities: CAPABILITIES, rpcId: name, ...of });
  return (await messageIn(await within(`the answer to ${name}`, response))).result as Json;
}

/** What a client makes the call again with. */
function answersTo({ inputRequests, requestState }: Json, content: string): Json {
  const [key] = Object.keys(inputRequests as Json);
  return { inputResponses: { [key!]: { action: "accept", content: { said: content } } }, requestState };
}

function messageAsked({ inputRequests }: Json): unknown {
  return Object.values(inputRequests as Record<string, { params: Json }>)[0]!.params.message;
}

for (const isOnStream of [false, true]) {
  const where = isOnStream ? "on the session's own stream" : "on the stream of its call";
  Deno.test(
    `S4 A5: two servers that ask ${where} at once are each told what their own call was told`,
    STRICT,
    async () => {
      await using a = new AskingServer();
      await using b = new AskingServer();
      a.asksOnStream = b.asksOnStream = isOnStream;
      await using signet = await startBefore(a, b);
      const names = ["a_asks", "b_asks"];
      if (isOnStream) {
        await ask(signet, "server/discover", {}, { capabilities: CAPABILITIES }).then((answer) =>
          answer.body?.cancel()
        );
        await until(() => a.streams.size === 1 && b.streams.size === 1, "both servers are listened to");
      }
      const asked = await Promise.all(names.map((name) => callAsking(signet, name)));
      assert.deepEqual(asked.map(messageAsked), names);
      const done = await Promise.all(
        names.map((name, at) => callAsking(signet, name, answersTo(asked[at]!, `to ${name}`))),
      );
      assert.deepEqual(
        done.map(({ got }) => got),
        names.map((name) => [{ action: "accept", content: { said: `to ${name}` } }]),
      );
    },
  );
}

Deno.test("A5: what one server takes back is its own question, not another's of the same id", STRICT, async () => {
  await using a = new AskingServer();
  await using b = new AskingServer();
  await using signet = await startBefore(a, b);
  await ask(signet, "server/discover", {}, { capabilities: CAPABILITIES }).then((answer) => answer.body?.cancel());
  await until(() => a.streams.size === 1 && b.streams.size === 1, "both servers are listened to");
  const [ofA, ofB] = await Promise.all(["a_asks", "b_asks"].map((name) => callAsking(signet, name)));
  b.push({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
  // The call at b is asked again what is open, which is nothing any more; that at a is as it was.
  b.push({ jsonrpc: "2.0", id: "sign", method: "ping" });
  await until(() => b.requests.some(({ body }) => body.includes('"id":"sign"')), "b's words have been heard");
  const done = await callAsking(signet, "a_asks", answersTo(ofA!, "yes"));
  assert.deepEqual(done.got, [{ action: "accept", content: { said: "yes" } }]);
  assert.equal(messageAsked(ofB!), "b_asks");
});

Deno.test("A6: a server that no call is made at asks nobody else's client", STRICT, async () => {
  await using a = new AskingServer();
  await using b = new AskingServer();
  await using signet = await startBefore(a, b);
  await ask(signet, "server/discover", {}, { capabilities: CAPABILITIES }).then((answer) => answer.body?.cancel());
  await until(() => a.streams.size === 1 && b.streams.size === 1, "both servers are listened to");
  const asked = await callAsking(signet, "a_asks");
  b.push({ jsonrpc: "2.0", id: "q", method: "roots/list" });
  const refusal = () => b.requests.find(({ body }) => body.includes('"id":"q"'))?.body;
  await until(() => refusal() !== undefined, "b is told");
  assert.equal(JSON.parse(refusal()!).error.code, -32601);
  const done = await callAsking(signet, "a_asks", answersTo(asked, "yes"));
  assert.deepEqual(done.got, [{ action: "accept", content: { said: "yes" } }]);
});

Deno.test(
  "S2 A5 PROTOCOL 31: what a server with sessions tells of a resource is told under the address that clients know",
  STRICT,
  async () => {
    await using a = new FakeMember();
    await using b = new FakeMember();
    await using signet = await startSeveral({ a, b });
    const leaving = new AbortController();
    const notifications = { resourceSubscriptions: ["a+file:///x", "b+file:///x"] };
    const response = await ask(signet, "subscriptions/listen", { notifications }, { signal: leaving.signal });
    const isHeard = () => b.asked("resources/subscribe").length === 1 && b.fake.streams.size === 1;
    await until(isHeard, "b is asked to tell, and heard");
    assert.deepEqual(b.asked("resources/subscribe")[0]!.params, { uri: "file:///x" });
    b.fake.push({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "file:///x" } });
    const text = await saidUntil(response, "resources/updated");
    assert.match(text, /resources\/updated.*"uri":"b\+file:\/\/\/x"/);
    leaving.abort();
    await until(() => b.asked("resources/unsubscribe").length === 1, "b is told that nobody wants to know");
  },
);
