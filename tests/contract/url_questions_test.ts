// A server with sessions that refuses a call until its user has been at an address (−32042), before stateless clients, who
// know no such error (docs/behaviour.md S2, S4, S5; docs/protocol.md 35): the client is asked, and the call made again.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const CAN = { capabilities: { elicitation: { form: {}, url: {} } } };
const PARAMS = { name: "login", arguments: { n: 1 } };
const ACCEPT = { "url-1": { action: "accept" } };

/** Wants an address opened so often before it does what it is asked. */
function walledServer(refusals: number): FakeMcp {
  const server = new FakeMcp({ sessionsOnly: true });
  server.tool("login", ({ id, params }) => {
    if (server.ran.get("login")! > refusals) return { content: [], structuredContent: { did: params } };
    const elicitationId = `e${server.ran.get("login")}`;
    const elicitations = [{ mode: "url", elicitationId, url: "https://example.org/in", message: "sign in" }];
    const error = { code: -32042, message: "sign in first", data: { elicitations } };
    return Response.json({ jsonrpc: "2.0", id, error });
  });
  return server;
}

function again(requestState: string, inputResponses: unknown) {
  return { ...PARAMS, requestState, inputResponses };
}

Deno.test(
  "S4 PROTOCOL 35: an address that has to be opened is asked for, and the call made again",
  STRICT,
  async () => {
    await using server = walledServer(1);
    await using signet = await TestSignet.start({ upstream: server.url });
    const { status, result } = await answered(ask(signet, "tools/call", PARAMS, CAN));
    assert.equal(status, 200);
    assert.equal(result.resultType, "input_required");
    assert.deepEqual(result.inputRequests, {
      "url-1": {
        method: "elicitation/create",
        params: { mode: "url", url: "https://example.org/in", message: "sign in" },
      },
    });
    assert.match(result.requestState, /^[\w-]{100,}$/, "sealed");
    const ended = await answered(ask(signet, "tools/call", again(result.requestState, ACCEPT), CAN));
    const did = { ...PARAMS, _meta: {} };
    assert.deepEqual(ended.result.structuredContent, { did }, "without what is for Signet alone");
    assert.equal(ended.result.resultType, "complete");
  },
);

Deno.test("S4: what is not answered is asked for again, and nothing is called meanwhile", STRICT, async () => {
  await using server = walledServer(1);
  await using signet = await TestSignet.start({ upstream: server.url });
  const first = (await answered(ask(signet, "tools/call", PARAMS, CAN))).result;
  const second = (await answered(ask(signet, "tools/call", again(first.requestState, {}), CAN))).result;
  assert.deepEqual(second.inputRequests, first.inputRequests);
  assert.equal(server.ran.get("login"), 1);
});

Deno.test(
  "S4: a client that does not open it hears so in words for a model, and nothing is called",
  STRICT,
  async () => {
    await using server = walledServer(1);
    await using signet = await TestSignet.start({ upstream: server.url });
    const { result: { requestState } } = await answered(ask(signet, "tools/call", PARAMS, CAN));
    const declined = again(requestState, { "url-1": { action: "decline" } });
    const { result } = await answered(ask(signet, "tools/call", declined, CAN));
    assert.deepEqual([result.isError, result.resultType], [true, "complete"]);
    assert.match(result.content[0].text, /decline/);
    assert.equal(server.ran.get("login"), 1);
  },
);

Deno.test("S4: a server that has not heard yet gets time to, and the call is made once more", STRICT, async () => {
  await using server = walledServer(2);
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { requestState } } = await answered(ask(signet, "tools/call", PARAMS, CAN));
  const waiting = answered(ask(signet, "tools/call", again(requestState, ACCEPT), CAN));
  await until(() => server.ran.get("login") === 2 && server.streams.size === 1, "it is refused once more");
  server.push({ jsonrpc: "2.0", method: "notifications/elicitation/complete", params: { elicitationId: "e1" } });
  assert.equal((await waiting).result.resultType, "complete");
  assert.equal(server.ran.get("login"), 3);
});

Deno.test("S4: one that is done before the call is made again is known to be", STRICT, async () => {
  await using server = walledServer(3);
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { requestState } } = await answered(ask(signet, "tools/call", PARAMS, CAN));
  await until(() => server.streams.size === 1, "the server is listened to");
  server.push({ jsonrpc: "2.0", method: "notifications/elicitation/complete", params: { elicitationId: "e1" } });
  const { result } = await answered(ask(signet, "tools/call", again(requestState, ACCEPT), CAN));
  assert.equal(result.resultType, "input_required", "asked for anew: it was made twice, and refused");
  assert.equal(server.ran.get("login"), 3);
});

Deno.test(
  "PROTOCOL 35: a client that opens no addresses gets the error by a code of its revision",
  STRICT,
  async () => {
    await using server = walledServer(1);
    await using signet = await TestSignet.start({ upstream: server.url });
    for (const capabilities of [{}, { elicitation: {} }, { elicitation: { form: {} } }]) {
      const { status, error } = await answered(ask(signet, "tools/call", PARAMS, { capabilities }));
      assert.deepEqual([status, error.code], [200, -32603]);
      server.ran.clear();
    }
  },
);

Deno.test("S1 S4: a state that Signet has not made opens nothing, sealed or not", STRICT, async () => {
  await using server = walledServer(0);
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--seal-state", "off"] });
  for (const state of ["urls.", "urls.zz", "urls.7b7d", "urls.5b5d", `urls.${"5b".repeat(100_000)}`, "urls.5b7b7d5d"]) {
    const { status, error } = await answered(ask(signet, "tools/call", again(state, ACCEPT), CAN));
    assert.deepEqual(
      [status, error.code, error.data.reason],
      [200, -32602, "invalid_request_state"],
      state.slice(0, 20),
    );
  }
  assert.equal(server.ran.size, 0);
});
