import assert from "node:assert/strict";
import { outgoingFetch, withReason } from "../../../../lib/platform/network/outgoing_fetch.ts";
import { collect } from "../../../support/collect.ts";
import { within } from "../../../support/until.ts";

// Not strict.ts, which gives every test a `fetch` that does this already.
const STRICT = { sanitizeOps: true, sanitizeResources: true };

const failed = (message: string) => new TypeError("fetch failed", { cause: new Error(message) });

Deno.test("withReason says why nothing came, without the address", STRICT, () => {
  const cases: [cause: string, told: string][] = [
    [
      "error sending request for url (https://a.example/k?token=x): client error (Connect): tcp connect error: refused",
      "client error (Connect): tcp connect error: refused",
    ],
    [
      "error sending request from 127.0.0.1:9 for https://a.example/k (127.0.0.1:443): client error (SendRequest): gone",
      "client error (SendRequest): gone",
    ],
    ["invalid peer certificate: UnknownIssuer", "invalid peer certificate: UnknownIssuer"],
    ["odd (https://a.example/k?token=x)", "fetch failed"],
    ["error sending request for url (https://a.example/(k)?token=x): refused", "fetch failed"],
  ];
  for (const [cause, told] of cases) {
    const error = withReason(failed(cause));
    assert.ok(error instanceof TypeError);
    assert.equal(error.message, told);
  }
});

Deno.test("withReason says it as Bun has it, without the address and its advice", STRICT, () => {
  const advice = "For more information, pass `verbose: true` in the second argument to fetch()";
  const cases: [said: string, told: string][] = [
    [`UnexpectedRedirect fetching "https://a.example/k?token=x". ${advice}`, "UnexpectedRedirect"],
    [
      `ECONNRESET: The socket connection was closed unexpectedly. ${advice}`,
      "ECONNRESET: The socket connection was closed unexpectedly",
    ],
  ];
  for (const [said, told] of cases) {
    const error = withReason(Object.assign(new TypeError(said), { code: "SOME_CODE" }));
    assert.ok(error instanceof TypeError);
    assert.equal(error.message, told);
    assert.equal((error as { code?: unknown }).code, "SOME_CODE");
    assert.equal(error.cause, undefined);
  }
});

Deno.test("withReason leaves other failures as they are", STRICT, () => {
  for (const error of [new Error("late"), new TypeError("no URL"), new DOMException("gone", "AbortError"), "text"]) {
    assert.equal(withReason(error), error);
  }
});

Deno.test("outgoingFetch of a port where nobody listens says that it was refused", STRICT, async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assert.rejects(() => outgoingFetch(`http://127.0.0.1:${port}/?token=x`), (error) => {
    assert.ok(error instanceof TypeError);
    assert.match(error.message, /refused/i);
    assert.doesNotMatch(error.message, /token/);
    return true;
  });
});

/** What somebody begins to read who holds nothing but the body, once all else has been collected. */
async function readLate(url: string, signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const { body } = await outgoingFetch(url, { signal });
  assert.ok(body);
  const reader = body.getReader();
  await reader.read();
  return reader;
}

Deno.test("outgoingFetch: an abort ends a body whose response has been collected", STRICT, async () => {
  const endless = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
  const closing = new AbortController();
  const { signal } = closing;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, signal, onListen() {} }, () => new Response(endless));
  const leaving = new AbortController();
  const reader = await readLate(`http://127.0.0.1:${server.addr.port}/`, leaving.signal);
  for (let turn = 0; turn < 5; turn++) {
    // What a turn has touched outlives it.
    await new Promise((resolve) => setTimeout(resolve, 1));
    collect();
  }
  const reading = reader.read();
  leaving.abort();
  try {
    await within("the body to end", assert.rejects(reading, { name: "AbortError" }));
  } finally {
    closing.abort();
    await server.finished;
  }
});
