// What a revocation of a caller, or of everything, does to what stateless clients have at a server with sessions: the
// session that Signet keeps there, and calls that wait (docs/behaviour.md L6, S3, S4).
import assert from "node:assert/strict";
import { AskingServer } from "../support/asking_server.ts";
import { count, CountingServer } from "../support/counting_server.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ISSUER } from "../support/issuer.ts";
import { startSeveral } from "../support/several.ts";
import { freshRing, revoke, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until, within } from "../support/until.ts";

const ALICE = { kind: "principal", issuer: ISSUER, subject: "alice" };

for (const [what, request] of [["its caller", ALICE], ["everything so far", { kind: "all" }]] as const) {
  Deno.test(`L6 S3: revoking ${what} ends the session that is kept for stateless clients`, STRICT, async () => {
    await using server = new CountingServer();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
    const [alice, bob] = [{ token: await issuer.token("alice") }, { token: await issuer.token("bob") }];
    assert.deepEqual([await count(signet, alice), await count(signet, alice), await count(signet, bob)], [1, 2, 1]);
    await revoke(signet, request);
    assert.equal(await count(signet, alice), 1, "what was opened before is gone: she begins anew");
    assert.equal(await count(signet, bob), request === ALICE ? 2 : 1);
    const told = request === ALICE ? 1 : 2;
    await until(() => server.received("DELETE").length === told, "the server to be told of the end");
  });

  Deno.test(`L6 S3: one that is kept for a later start does not outlive revoking ${what}`, STRICT, async () => {
    await using server = new CountingServer();
    await using issuer = await TestIssuer.create();
    await using folder = await TempFolder.create();
    const ring = freshRing();
    const flags = [...issuer.flags, "--state", `${folder.path}/state`];
    const start = (upstream = server.url) => TestSignet.start({ upstream, ring, flags });
    const [alice, bob] = [{ token: await issuer.token("alice") }, { token: await issuer.token("bob") }];
    const first = await start();
    assert.deepEqual([await count(first, alice), await count(first, alice), await count(first, bob)], [1, 2, 1]);
    await first[Symbol.asyncDispose]();
    const second = await start();
    await revoke(second, request);
    await second[Symbol.asyncDispose]();
    await using third = await start();
    assert.equal(await count(third, alice), 1, "nobody had it in hand when she was revoked");
    assert.equal(await count(third, alice), 2);
    await until(() => server.received("DELETE").length === 1, "the server to be told of the end of what was kept");
    const [ended] = server.received("DELETE");
    const greeted = server.received("POST", "notifications/initialized")[0];
    assert.equal(ended!.sessionId, greeted!.sessionId, "it is hers");
    assert.equal(await count(third, bob), request === ALICE ? 2 : 1);
  });
}

Deno.test("L6 S3: one that was gone on with is as old as it is, whoever holds it", STRICT, async () => {
  await using server = new CountingServer();
  await using issuer = await TestIssuer.create();
  await using folder = await TempFolder.create();
  const ring = freshRing();
  const start = () =>
    TestSignet.start({ upstream: server.url, ring, flags: [...issuer.flags, "--state", `${folder.path}/state`] });
  const alice = { token: await issuer.token("alice") };
  const first = await start();
  assert.equal(await count(first, alice), 1);
  const beforeMs = Date.now();
  await first[Symbol.asyncDispose]();
  await until(() => Date.now() > beforeMs, "the clock to go on");
  await using second = await start();
  assert.equal(await count(second, alice), 2);
  await revoke(second, { kind: "before", beforeMs });
  assert.equal(await count(second, alice), 1, "opened before that moment, though not here");
});

Deno.test(
  "L6 S4: a call that waits for a caller who is revoked is given up, and its server hears of it",
  STRICT,
  async () => {
    await using server = new AskingServer();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
    const of = { token: await issuer.token("alice"), capabilities: { elicitation: {} } };
    const question = ["who", "elicitation/create", { message: "who?", requestedSchema: {} }];
    const params = { name: "asks", arguments: { questions: [question] } };
    const { result: { requestState } } = await answered(ask(signet, "tools/call", params, of));
    await revoke(signet, ALICE);
    const inputResponses = { who: { action: "accept", content: {} } };
    const late = await answered(ask(signet, "tools/call", { ...params, requestState, inputResponses }, of));
    assert.deepEqual([late.status, late.error?.code], [200, -32602], late.text);
    await until(() => server.received("DELETE").length === 1, "the server to be told of the session's end");
    assert.equal(server.ran.get("asks"), 1, "and not run again");
  },
);

for (const server of ["stateless", "with sessions"] as const) {
  for (const begun of [false, true]) {
    Deno.test(
      `L6 S5 PROTOCOL 35: a revoked stateless call is told nothing of a session (server ${server}, ${
        begun ? "" : "not "
      }begun)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp({ sessionsOnly: server !== "stateless" });
        const asked = Promise.withResolvers<void>(), gone = Promise.withResolvers<Response>();
        upstream.onRequest = ({ body }) => {
          if (!body.includes('"tools/call"')) return undefined;
          asked.resolve();
          if (!begun) return gone.promise;
          const progress = { progressToken: "p", progress: 1 };
          const event = `data: ${
            JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: progress })
          }`;
          const stream = new ReadableStream({ start: (out) => out.enqueue(new TextEncoder().encode(`${event}\n\n`)) });
          return new Response(stream, { headers: { "content-type": "text/event-stream" } });
        };
        await using issuer = await TestIssuer.create();
        await using signet = await TestSignet.start({ upstream: upstream.url, flags: issuer.flags });
        const answer = answered(
          ask(signet, "tools/call", { name: "hangs", arguments: {} }, { token: await issuer.token("alice"), rpcId: 7 }),
        );
        await within("the server to be asked", asked.promise);
        await revoke(signet, ALICE);
        const { status, error, text } = await within("the call to end", answer);
        gone.resolve(new Response(null, { status: 202 }));
        assert.doesNotMatch(text, /session/i);
        assert.ok(error.code > 0 || error.code === -32603, text);
        assert.notEqual(status, 404);
      },
    );
  }
}

Deno.test("L6 S3: of several servers each ends what the caller has there", STRICT, async () => {
  await using left = new CountingServer();
  await using right = new CountingServer();
  await using issuer = await TestIssuer.create();
  await using folder = await TempFolder.create();
  const ring = freshRing();
  const start = () =>
    startSeveral({ left, right }, { ring, flags: [...issuer.flags, "--state", `${folder.path}/state`] });
  const alice = { token: await issuer.token("alice") };
  const first = await start();
  assert.deepEqual([await count(first, alice, "left_count"), await count(first, alice, "right_count")], [1, 1]);
  await revoke(first, ALICE);
  assert.deepEqual([await count(first, alice, "left_count"), await count(first, alice, "left_count")], [1, 2]);
  await until(() => [left, right].every((each) => each.received("DELETE").length === 1), "both servers to be told");
  await first[Symbol.asyncDispose]();
  const second = await start();
  await revoke(second, { kind: "all" });
  await second[Symbol.asyncDispose]();
  await using third = await start();
  assert.equal(await count(third, alice, "left_count"), 1);
});

Deno.test("L6 S3: of two processes with one state file both end what they hold", STRICT, async () => {
  await using server = new CountingServer();
  await using issuer = await TestIssuer.create();
  await using folder = await TempFolder.create();
  const flags = [...issuer.flags, "--state", `${folder.path}/state`];
  const ring = freshRing();
  await using one = await TestSignet.start({ upstream: server.url, ring, flags });
  await using other = await TestSignet.start({ upstream: server.url, ring, flags });
  const alice = { token: await issuer.token("alice") };
  assert.deepEqual([await count(one, alice), await count(other, alice)], [1, 2]);
  await revoke(one, ALICE);
  // By each as soon as it hears of it, whoever has used it last.
  await until(() => server.received("DELETE").length === 2, "the server to be told by both");
  assert.deepEqual([await count(other, alice), await count(one, alice)], [1, 2], "in one session again");
  assert.equal(server.received("DELETE").length, 2);
});
