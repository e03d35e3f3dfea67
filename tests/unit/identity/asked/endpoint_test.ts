import assert from "node:assert/strict";
import { Endpoint, EndpointFault } from "../../../../lib/identity/asked/endpoint.ts";
import type { Fetch } from "../../../../lib/identity/whole_answer.ts";
import { STRICT } from "../../../support/strict.ts";

const NOW_MS = 1_700_000_000_000;

/** An endpoint before a server that answers as told, and how often that was asked. */
function given(answer: () => Response | Promise<Response>) {
  const server = { asked: 0, answer };
  const fetch: Fetch = async () => {
    server.asked++;
    return await server.answer();
  };
  const endpoint = new Endpoint("https://issuer.example/", { fetch, timeoutMs: 1_000 });
  const ask = (nowMs: number) => endpoint.send({ method: "POST" }, nowMs);
  return { server, ask };
}

const refused = () => Promise.reject(new TypeError("connection refused"));
const fault = (problem: RegExp) => (thrown: unknown) => thrown instanceof EndpointFault && problem.test(thrown.message);

Deno.test(
  "M3: an endpoint that cannot be reached twice is left alone for a second, then asked again",
  STRICT,
  async () => {
    const { server, ask } = given(refused);
    for (let i = 0; i < 2; i++) await assert.rejects(ask(NOW_MS), fault(/cannot be reached/));
    for (let i = 0; i < 100; i++) await assert.rejects(ask(NOW_MS + 999), fault(/left alone/));
    assert.equal(server.asked, 2);
    await assert.rejects(ask(NOW_MS + 1_000), fault(/cannot be reached/));
    await assert.rejects(ask(NOW_MS + 1_999), fault(/left alone/));
    server.answer = () => new Response("{}");
    assert.equal((await ask(NOW_MS + 2_000)).status, 200);
    assert.equal((await ask(NOW_MS + 2_000)).status, 200);
    assert.equal(server.asked, 5);
  },
);

for (const status of [429, 503]) {
  Deno.test(`M3: an endpoint that answers ${status} twice is left alone for a second`, STRICT, async () => {
    const { server, ask } = given(() => new Response("busy", { status }));
    for (let i = 0; i < 2; i++) assert.equal((await ask(NOW_MS)).status, status);
    await assert.rejects(ask(NOW_MS + 1), fault(/left alone/));
    assert.equal(server.asked, 2);
  });
}

Deno.test("M3: one lost connection keeps nobody from asking, nor do two that are not in a row", STRICT, async () => {
  const { server, ask } = given(refused);
  for (let i = 0; i < 3; i++) {
    server.answer = refused;
    await assert.rejects(ask(NOW_MS), fault(/cannot be reached/));
    server.answer = () => new Response("{}");
    assert.equal((await ask(NOW_MS)).status, 200);
  }
  assert.equal(server.asked, 6);
});

Deno.test("M3: a fault that one credential may have caused keeps nobody else from asking", STRICT, async () => {
  const faults = [() => new Response("oops", { status: 500 }), () => new Response("x".repeat(100_000))];
  for (const answer of faults) {
    const { server, ask } = given(answer);
    for (let i = 0; i < 5; i++) await ask(NOW_MS).catch(() => {});
    assert.equal(server.asked, 5);
  }
});

Deno.test("M3: a clock that is set back does not prolong it", STRICT, async () => {
  const { server, ask } = given(refused);
  for (let i = 0; i < 2; i++) await assert.rejects(ask(NOW_MS));
  await assert.rejects(ask(NOW_MS - 3_600_000), fault(/cannot be reached/));
  assert.equal(server.asked, 3);
});

Deno.test(
  "an endpoint is asked for its answer as it is: what undoes a coding would be a fault of its own",
  STRICT,
  async () => {
    const asked: Headers[] = [];
    const endpoint = new Endpoint("https://issuer.example/", {
      fetch: (_url, { headers }) => {
        asked.push(new Headers(headers));
        return Promise.resolve(new Response("{}"));
      },
    });
    await endpoint.send({ headers: new Headers({ accept: "application/json" }) }, NOW_MS);
    await endpoint.send({ headers: { accept: "application/json" } }, NOW_MS);
    for (const headers of asked) {
      assert.deepEqual([headers.get("accept"), headers.get("accept-encoding")], ["application/json", "identity"]);
    }
    assert.equal(asked.length, 2);
  },
);

Deno.test("an endpoint that compresses its answer all the same is told from one that answers", STRICT, async () => {
  const { server, ask } = given(() => new Response("{}", { headers: { "content-encoding": "br" } }));
  for (let i = 0; i < 3; i++) await assert.rejects(ask(NOW_MS), fault(/is compressed/));
  server.answer = () => new Response("{}", { headers: { "content-encoding": "Identity" } });
  assert.equal((await ask(NOW_MS)).status, 200);
});
