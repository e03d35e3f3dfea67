import assert from "node:assert/strict";
import { outgoingFetch, withReason } from "../../../lib/platform/outgoing_fetch.ts";
import { STRICT } from "../../support/strict.ts";

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
