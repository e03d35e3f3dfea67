import assert from "node:assert/strict";
import { CachedCredential } from "../../../../lib/upstream/credentials/credential.ts";
import { exchangedCredential } from "../../../../lib/upstream/credentials/exchanged.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("B4 O2: for what a caller's old token was refused the new one does not wait", STRICT, async () => {
  const timers = new FakeTimers(1_000_000);
  const asked: string[] = [];
  const obtain = (token: string) => {
    asked.push(token);
    if (token === "ended") return Promise.reject(new Error("it answered invalid_request"));
    return Promise.resolve({ values: { API_TOKEN: `for ${token}` }, expiresAtMs: Infinity });
  };
  const source = exchangedCredential(["authorization", "Bearer ended"], (subjectToken) => {
    return new CachedCredential(() => obtain(subjectToken()), timers);
  });
  for (let i = 0; i < 5; i++) await assert.rejects(source.current(), /invalid_request/);
  assert.deepEqual(asked, ["ended", "ended"]);
  source.hear!(["authorization", "Bearer ended"]);
  await assert.rejects(source.current(), /invalid_request/);
  assert.deepEqual(asked, ["ended", "ended"]);
  source.hear!(["authorization", "Bearer refreshed"]);
  assert.deepEqual((await source.current()).values, { API_TOKEN: "for refreshed" });
  // What is valid stays: with the next token its successor is asked for.
  source.hear!(["authorization", "Bearer next"]);
  assert.deepEqual((await source.current()).values, { API_TOKEN: "for refreshed" });
  assert.deepEqual((await source.refresh()).values, { API_TOKEN: "for next" });
  assert.deepEqual(asked, ["ended", "ended", "refreshed", "next"]);
});
