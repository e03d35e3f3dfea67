// A digest is of the very bytes it came with (RFC 9530): where Signet sends others in their place, or a message of its own,
// none goes along, and whoever compares refuses nothing (docs/behaviour.md P6, L4, S1, S2).
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { FakeMcp, initializes, isInitialize } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { OtlpCollector } from "../support/otlp_collector.ts";
import { call, LANES, messageOf, status, TestSignet } from "../support/signet.ts";
import { answered, ask, resultOf } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";

const NAMES = ["content-md5", "content-digest", "digest", "repr-digest"];
const DIGESTS = Object.fromEntries(NAMES.map((name) => [name, "sha-256=:AAAA:"]));

function digestsIn(headers: Headers): string[] {
  return NAMES.filter((name) => headers.has(name));
}

for (const lane of LANES) {
  for (const coding of ["identity", "gzip"]) {
    Deno.test(
      `PROTOCOL 2: what says something else than the server's refusal has no digest of that, in ${coding} (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        upstream.tool("own", ({ request }) => {
          const text = `no record of ${request.sessionId}`;
          return coding === "gzip"
            ? new Response(new Uint8Array(gzipSync(text)), {
              status: 404,
              headers: { ...DIGESTS, "content-encoding": "gzip" },
            })
            : new Response(text, { status: 404, headers: DIGESTS });
        });
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        const answer = await signet.post(call(1, "own"), { id });
        assert.deepEqual([await answer.text(), digestsIn(answer.headers)], ["no record of …", []]);
      },
    );
  }

  Deno.test(`L4: the digest of a call goes with the call alone (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    upstream.tool("own", ({ request }) => new Response(`no record of ${request.sessionId}`, { status: 404 }));
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    await status(signet.post(call(1, "own"), { id, headers: DIGESTS }));
    upstream.forgetSessions();
    await status(signet.post(call(2, "own"), { id, headers: DIGESTS }));
    assert.equal(initializes(upstream), 2);
    const others = upstream.requests.filter((request) => isInitialize(request) || request.body.includes('"ping"'));
    assert.ok(others.length > 2, "it is pinged as well");
    for (const { headers, body } of others) assert.deepEqual(digestsIn(headers), [], body);
    assert.deepEqual(digestsIn(upstream.received("POST", "tools/call").at(-1)!.headers), NAMES);
  });
}

for (const lane of LANES) {
  Deno.test(
    `G6: a message that is given another context has no digest of the one before (${lane} lane)`,
    STRICT,
    async () => {
      await using collector = new OtlpCollector();
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
      const id = await signet.open();
      const message = call(1, "echo", {});
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      const seen = async (meta: Record<string, string>, headers: Record<string, string>) => {
        await status(signet.post({ ...message, params: { ...message.params, _meta: meta } }, { id, headers }));
        return digestsIn(upstream.requests.at(-1)!.headers);
      };
      assert.deepEqual(await seen({}, { ...DIGESTS, traceparent }), NAMES, "of one that stands beside the message");
      assert.deepEqual(await seen({ traceparent }, DIGESTS), []);
    },
  );
}

Deno.test("S2: a request that is translated has no digest of what its client wrote", STRICT, async () => {
  await using server = new FakeStateless();
  server.on("tools/call", () => ({ resultType: "complete", content: [] }));
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  assert.ok((await messageOf(signet.post(call(1, "own"), { id, headers: DIGESTS }))).result);
  assert.deepEqual(digestsIn(server.received("tools/call")[0]!.headers), []);
});

Deno.test("S1: a request whose state was sealed goes on without the digest of the sealed one", STRICT, async () => {
  await using server = new FakeMcp();
  server.onRequest = (request) =>
    resultOf(request, '{"resultType":"input_required","inputRequests":{},"requestState":"s-1"}');
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { requestState } } = await answered(ask(signet, "tools/call", { name: "own" }, { headers: DIGESTS }));
  assert.deepEqual(digestsIn(server.requests.at(-1)!.headers), NAMES);
  await answered(ask(signet, "tools/call", { name: "own", requestState }, { headers: DIGESTS }));
  assert.deepEqual(digestsIn(server.requests.at(-1)!.headers), []);
});
