import { createLocalJWKSet } from "jose";
import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import type { Keys } from "../../../../lib/identity/jwt/key_set.ts";
import { RemoteKeySet, type RemoteKeySetOptions } from "../../../../lib/identity/jwt/remote_key_set.ts";
import { Issuer, keySetOf, NOW_MS } from "../../../support/issuer.ts";
import { STRICT } from "../../../support/strict.ts";
import { KeyServer } from "../fakes.ts";

const TIMES = { freshMs: 600_000, staleMs: 3_600_000, cooldownMs: 30_000, retryMs: 5_000 };

const [ONE, OTHER] = await Promise.all([Issuer.create("one"), Issuer.create("other")]);

function setUp(options: Partial<RemoteKeySetOptions> = {}): { server: KeyServer; keys: RemoteKeySet } {
  const server = new KeyServer(() => new Response(keySetOf(ONE)));
  const keys = new RemoteKeySet({
    url: "https://user:secret@issuer.example/keys?token=secret",
    fetch: server.fetch as typeof fetch,
    makeLookup: createLocalJWKSet,
    ...TIMES,
    ...options,
  });
  return { server, keys };
}

const kids = (keys: Keys | undefined) => keys?.lookup.jwks().keys.map((key) => key.kid);
const unavailable = (fault: unknown) => fault instanceof SignetError && fault.code === "identity_unavailable";

Deno.test("I1: keys are fetched when first needed, once for all who wait, and then at hand", STRICT, async () => {
  const { server, keys } = setUp();
  assert.equal(server.calls, 0);
  const lookups = await Promise.all(Array.from({ length: 50 }, () => keys.current(NOW_MS)));
  assert.equal(server.calls, 1);
  assert.deepEqual(kids(lookups[0]), ["one"]);
  assert.equal(keys.current(NOW_MS + TIMES.freshMs - 1), lookups[49]);
});

Deno.test("I1: redirects are not followed and an abort can reach the fetch", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS);
  assert.equal(server.requests[0]?.init?.redirect, "manual");
  assert.ok(server.requests[0]?.init?.signal instanceof AbortSignal);
});

Deno.test("I1: old keys are asked for again", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS);
  server.serve(OTHER);
  assert.deepEqual(kids(await keys.current(NOW_MS + TIMES.freshMs)), ["other"]);
  assert.equal(server.calls, 2);
});

Deno.test("I1: an unknown key is asked for, but not before the cool-down has passed", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS);
  server.serve(ONE, OTHER);
  assert.equal(await keys.newer(NOW_MS + TIMES.cooldownMs - 1), undefined);
  assert.equal(server.calls, 1);
  assert.deepEqual(kids(await keys.newer(NOW_MS + TIMES.cooldownMs)), ["one", "other"]);
  assert.equal(await keys.newer(NOW_MS + TIMES.cooldownMs + 1), undefined);
  assert.equal(server.calls, 2);
});

Deno.test("I1: who asks for an unknown key while a fetch is under way waits for it", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS);
  server.serve(ONE, OTHER);
  const at = NOW_MS + TIMES.cooldownMs;
  const found = await Promise.all([keys.newer(at), keys.newer(at), keys.newer(at)]);
  assert.deepEqual(found.map(kids), Array(3).fill(["one", "other"]));
  assert.equal(server.calls, 2);
});

Deno.test("I1: a provider that is down is identity_unavailable, and not asked again at once", STRICT, async () => {
  const { server, keys } = setUp();
  server.breakDown();
  await assert.rejects(async () => await keys.current(NOW_MS), unavailable);
  await assert.rejects(async () => await keys.current(NOW_MS + TIMES.retryMs - 1), unavailable);
  assert.equal(server.calls, 1);
  server.serve(ONE);
  assert.deepEqual(kids(await keys.current(NOW_MS + TIMES.retryMs)), ["one"]);
});

Deno.test("I1: an unknown key while the provider is down cannot be told: identity_unavailable", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS);
  server.breakDown();
  const at = NOW_MS + TIMES.cooldownMs;
  await assert.rejects(() => keys.newer(at), unavailable);
  await assert.rejects(() => keys.newer(at + 1), unavailable);
  assert.equal(server.calls, 2);
});

Deno.test("I1: keys outlive a failing provider for a bounded time", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS);
  server.breakDown();
  const end = NOW_MS + TIMES.freshMs + TIMES.staleMs;
  assert.deepEqual(kids(await keys.current(NOW_MS + TIMES.freshMs)), ["one"]);
  assert.deepEqual(kids(await keys.current(end - 1)), ["one"]);
  await assert.rejects(async () => await keys.current(end + TIMES.retryMs), unavailable);
  server.serve(OTHER);
  assert.deepEqual(kids(await keys.current(end + 2 * TIMES.retryMs)), ["other"]);
});

Deno.test(
  "I1: nobody waits for a provider that failed before, while there are keys to go on with",
  STRICT,
  async () => {
    const { server, keys } = setUp();
    await keys.current(NOW_MS);
    server.breakDown();
    const old = NOW_MS + TIMES.freshMs;
    assert.deepEqual(kids(await keys.current(old)), ["one"]);
    const gate = Promise.withResolvers<Response>();
    server.answer = () => gate.promise;
    assert.deepEqual(kids(await keys.current(old + TIMES.retryMs)), ["one"]);
    assert.deepEqual(kids(await keys.current(old + TIMES.retryMs + 1)), ["one"]);
    assert.equal(server.calls, 3);
    gate.resolve(new Response(keySetOf(OTHER)));
    const waited = await keys.newer(old + TIMES.retryMs + 2);
    assert.deepEqual(kids(waited), ["other"]);
    assert.deepEqual(kids(await keys.current(old + TIMES.retryMs + 3)), ["other"]);
    assert.equal(server.calls, 3);
  },
);

const HOUR_MS = 3_600_000;

Deno.test(
  "P8: a provider that was down while the clock was ahead is asked again once it is set back",
  STRICT,
  async () => {
    const { server, keys } = setUp();
    server.breakDown();
    await assert.rejects(async () => await keys.current(NOW_MS + HOUR_MS), unavailable);
    server.serve(ONE);
    assert.deepEqual(kids(await keys.current(NOW_MS)), ["one"]);
  },
);

Deno.test("P8: keys that were fetched while the clock was ahead are no newer than others", STRICT, async () => {
  const { server, keys } = setUp();
  await keys.current(NOW_MS + HOUR_MS);
  server.serve(OTHER);
  assert.deepEqual(kids(await keys.newer(NOW_MS)), ["other"]);
  server.serve(ONE);
  assert.deepEqual(kids(await keys.current(NOW_MS - HOUR_MS)), ["one"]);
  server.breakDown();
  const old = NOW_MS - 3 * HOUR_MS - TIMES.freshMs - TIMES.staleMs;
  await assert.rejects(async () => await keys.current(old), unavailable);
});

const BAD_ANSWERS: readonly [string, () => Response][] = [
  ["status 500", () => new Response(keySetOf(ONE), { status: 500 })],
  ["status 404", () => new Response(keySetOf(ONE), { status: 404 })],
  ["status 206", () => new Response(keySetOf(ONE), { status: 206 })],
  ["status 204", () => new Response(null, { status: 204 })],
  ["text", () => new Response("<html>")],
  ["no keys", () => new Response('{"keys":[]}')],
  ["nothing", () => new Response(null)],
  ["too much", () => new Response(" ".repeat(2_000) + keySetOf(ONE))],
];

for (const [what, answer] of BAD_ANSWERS) {
  Deno.test(`I1: a provider that answers with ${what} is unavailable, and replaces no keys`, STRICT, async () => {
    const { server, keys } = setUp({ maxBytes: 1_500 });
    await keys.current(NOW_MS);
    server.answer = answer;
    assert.deepEqual(kids(await keys.current(NOW_MS + TIMES.freshMs)), ["one"]);
    const fresh = setUp({ maxBytes: 1_500 });
    fresh.server.answer = answer;
    await assert.rejects(async () => await fresh.keys.current(NOW_MS), unavailable);
  });
}

Deno.test("I1: a provider that never answers is unavailable after the time-out", STRICT, async () => {
  const { server, keys } = setUp({ timeoutMs: 1 });
  server.answer = () =>
    new Promise((_, reject) => {
      const signal = server.requests.at(-1)?.init?.signal;
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  await assert.rejects(async () => await keys.current(NOW_MS), unavailable);
});

Deno.test("I1: a body that never ends is cut by the time-out too", STRICT, async () => {
  const { server, keys } = setUp({ timeoutMs: 1 });
  server.answer = () => {
    const signal = server.requests.at(-1)?.init?.signal;
    return new Response(
      new ReadableStream({
        start: (controller) => signal?.addEventListener("abort", () => controller.error(signal.reason)),
      }),
    );
  };
  await assert.rejects(async () => await keys.current(NOW_MS), unavailable);
});

Deno.test("P1: the failure names the place without its secrets", STRICT, async () => {
  const { server, keys } = setUp();
  server.breakDown();
  await assert.rejects(async () => await keys.current(NOW_MS), (fault) => {
    assert.ok(fault instanceof SignetError);
    assert.equal(fault.detail.facts?.["url"], "https://issuer.example/keys");
    assert.equal(fault.detail.retryAfterS, 5);
    return true;
  });
});

Deno.test("P1: what broke is told without the address, wherever the runtime's words have it", STRICT, async () => {
  const words = 'InvalidHTTPResponse fetching "https://issuer.example/keys?token=secret"';
  const broken = () => new ReadableStream({ start: (controller) => controller.error(new TypeError(words)) });
  for (const answer of [() => Promise.reject(new TypeError(words)), () => new Response(broken())]) {
    const { server, keys } = setUp();
    server.answer = answer;
    await assert.rejects(async () => await keys.current(NOW_MS), (fault) => {
      assert.ok(fault instanceof SignetError);
      assert.equal(fault.detail.facts?.["found"], "fetching a key set: found InvalidHTTPResponse");
      assert.doesNotMatch(String(fault.detail.cause), /secret/);
      return true;
    });
  }
});
