// What a stateless server answers a client with a session besides a whole result (docs/behaviour.md S3, S5, B9): a result
// of a type that such a client does not know is no empty one, and whoever cannot be asked is not waited for.
import assert from "node:assert/strict";
import { FakeStateless } from "../support/fake_stateless.ts";
import { RawClient } from "../support/raw_client.ts";
import { call, INITIALIZE, LANES, saidUntil, TestSignet } from "../support/signet.ts";
import { fixture, type Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { within } from "../support/until.ts";

const PARAMS = { ...INITIALIZE.params, capabilities: { sampling: {}, elicitation: {}, roots: {} } };
const ASKABLE = { ...INITIALIZE, params: PARAMS };
/** Of a client that reads no events. */
const JSON_ONLY = { accept: "application/json" };

/** A server that asks its client by the method that an argument names, and answers with what it was told. */
function askingServer(): FakeStateless {
  const server = new FakeStateless();
  return server.on(
    "tools/call",
    ({ params }) =>
      params.inputResponses === undefined
        ? {
          resultType: "input_required",
          inputRequests: { q: { method: (params.arguments as Json).method, params: {} } },
        }
        : { resultType: "complete", content: [], got: params.inputResponses },
  );
}

for (const lane of LANES) {
  Deno.test(
    `S5: a result that a client with a session cannot know is an error, and the call is made once (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new FakeStateless();
      await using signet = await TestSignet.start({ upstream: server.url, lane });
      const id = await signet.open({}, ASKABLE);
      const results: [unknown, RegExp][] = [
        [{ resultType: "task", taskId: "t", status: "working", ttlMs: null }, /do not know \(task\)/],
        [{ resultType: "later" }, /do not know \(later\)/],
        [{ resultType: 7, content: [] }, /do not know \(number\)/],
        [{ resultType: "input_required" }, /does not say for what/],
        [{ resultType: "input_required", inputRequests: [] }, /does not say for what/],
        [{ resultType: "input_required", inputRequests: null, requestState: 5 }, /does not say for what/],
        [{ resultType: "input_required", inputRequests: { q: "who?" }, requestState: "s" }, /does not say for what/],
      ];
      for (const [at, [result, words]] of results.entries()) {
        server.on("tools/call", ({ id }) => Response.json({ jsonrpc: "2.0", id, result }));
        const answer: Json = await (await signet.post(call(at, "x"), { id })).json();
        assert.match((answer.error as { message: string })?.message ?? JSON.stringify(answer), words);
        assert.equal(server.received("tools/call").length, at + 1);
      }
    },
  );

  Deno.test(
    `S3 B9: a client that takes no events is not asked, and not kept waiting (${lane} lane)`,
    STRICT,
    async () => {
      await using server = askingServer();
      await using signet = await TestSignet.start({ upstream: server.url, lane });
      const id = await signet.open({}, ASKABLE);
      const ask = async (method: string): Promise<Json> => {
        const response = within("an answer", signet.post(call(method, "asks", { method }), { id, headers: JSON_ONLY }));
        return (await (await response).json()).result;
      };
      assert.deepEqual((await ask("elicitation/create")).got, { q: { action: "cancel" } });
      const ended = await ask("sampling/createMessage");
      assert.equal(ended.isError, true);
      assert.match(JSON.stringify(ended.content), /takes no event stream/);
    },
  );
}

Deno.test(
  "S3: a client that takes no events with its calls is asked on the stream that it listens to",
  STRICT,
  async () => {
    await using server = askingServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const id = await signet.open({}, ASKABLE);
    const stream = await signet.get({ id });
    const called = signet.post(call(1, "asks", { method: "roots/list" }), { id, headers: JSON_ONLY });
    const text = await saidUntil(stream, "roots/list");
    const question = JSON.parse(text.split("\n").find((line) => line.startsWith("data: {"))!.slice(6));
    await (await signet.post({ jsonrpc: "2.0", id: question.id, result: { roots: [] } }, { id })).body?.cancel();
    assert.deepEqual((await (await within("an answer", called)).json()).result.got, { q: { roots: [] } });
  },
);

Deno.test("B9: a stdio server that asks a client which takes no events is told so at once", STRICT, async () => {
  const { command, args } = fixture();
  await using signet = await TestSignet.start({ upstream: [command, ...args] });
  const id = await signet.open({}, ASKABLE);
  const response = within("an answer", signet.post(call(1, "sample"), { id, headers: JSON_ONLY }));
  assert.match(JSON.stringify(await (await response).json()), /got[^,]+null/);
});

Deno.test("A5 B9: a call of one of several servers that asks such a client ends at once", STRICT, async () => {
  await using server = askingServer();
  await using other = new FakeStateless();
  await using signet = await TestSignet.start({ upstream: `a=${server.url}`, flags: ["--upstream", `b=${other.url}`] });
  const id = await signet.open({}, ASKABLE);
  const response = within(
    "an answer",
    signet.post(call(1, "a_asks", { method: "roots/list" }), { id, headers: JSON_ONLY }),
  );
  assert.match(JSON.stringify(await (await response).json()), /takes no event stream/);
});

for (
  const [method, body] of [["POST", JSON.stringify(call(1, "asks", { method: "roots/list" }))], ["GET", ""]] as const
) {
  Deno.test(`B9: a client that says in two lines what it takes is heard to take both (${method})`, STRICT, async () => {
    await using server = askingServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const id = await signet.open({}, ASKABLE);
    using client = await RawClient.connect(signet.url);
    const fields = ["accept: application/json", "accept: text/event-stream", `mcp-session-id: ${id}`];
    const head = [`${method} /mcp HTTP/1.1`, "host: localhost", "content-type: application/json", ...fields];
    await client.send(`${head.join("\r\n")}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const answer = await within("an answer's head", client.answer());
    assert.equal(answer.status, 200);
    assert.match(answer.head, /content-type: text\/event-stream/i);
  });
}
