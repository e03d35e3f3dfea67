// An upstream whose requests carry Signet's own credential (B4).
import assert from "node:assert/strict";
import { bareAnswer } from "../../../../lib/bridge/answers/http_answer.ts";
import { CachedCredential } from "../../../../lib/upstream/credentials/credential.ts";
import { CredentialedUpstream } from "../../../../lib/upstream/credentials/header.ts";
import { otherwise, type Upstream, type UpstreamRequest } from "../../../../lib/upstream/upstream.ts";
import { callerKeys } from "../../../support/callers.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const REQUEST: UpstreamRequest = {
  method: "GET",
  query: "",
  fields: [],
  upstreamSessionId: undefined,
  body: undefined,
  caller: callerKeys("alice"),
  session: undefined,
};

/** Records what it is sent. */
class RecordingUpstream implements Upstream {
  readonly isLocal = false;
  readonly idLength = 64;
  readonly name = "recording";
  readonly url = "http://recording/mcp";
  readonly initializeTimeoutMs = 1;
  readonly sent: UpstreamRequest[] = [];
  readonly released: string[] = [];
  onEnded: Upstream["onEnded"];

  endStateless(): void {}

  release(upstreamSessionId: string): void {
    this.released.push(upstreamSessionId);
  }

  send(request: UpstreamRequest) {
    this.sent.push(request);
    return { response: Promise.resolve(bareAnswer(202)), abort() {} };
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

Deno.test(
  "B4: an HTTP upstream gets the credential in place of the client's own, from the first request on",
  STRICT,
  async () => {
    const inner = new RecordingUpstream();
    let obtained = 0;
    const source = new CachedCredential(() => {
      obtained++;
      return Promise.resolve({ values: { Authorization: "Bearer at-1" }, expiresAtMs: Infinity });
    }, new FakeTimers());
    const upstream = new CredentialedUpstream(inner, source);
    for (let i = 0; i < 2; i++) {
      const fields = ["accept", "*/*", "authorization", "Bearer the-clients", "x-tenant", "1"];
      await upstream.send(otherwise(REQUEST, { method: "POST", fields })).response;
    }
    for (const { fields } of inner.sent) {
      assert.deepEqual(fields, ["accept", "*/*", "x-tenant", "1", "authorization", "Bearer at-1"]);
    }
    assert.equal(obtained, 1);
  },
);

Deno.test("B4: without a credential an HTTP upstream is not asked, and the client told", STRICT, async () => {
  const inner = new RecordingUpstream();
  const source = new CachedCredential(() => Promise.reject(new Error("away")), new FakeTimers());
  const upstream = new CredentialedUpstream(inner, source);
  const request = otherwise(REQUEST, { fields: ["authorization", "x"] });
  await assert.rejects(upstream.send(request).response, { code: "upstream_unreachable" });
  assert.equal(inner.sent.length, 0);
});

Deno.test("B4: what wraps an upstream passes every member on; one that is optional could be forgotten", STRICT, () => {
  const whole: Required<Upstream> = {} as Upstream; // does not compile if a member of `Upstream` is optional
  assert.ok(whole);
  const inner = new RecordingUpstream();
  const source = { peek: () => undefined, current: () => Promise.reject(new Error("none")) } as never;
  const upstream: Upstream = new CredentialedUpstream(inner, source);
  upstream.release("upstream-1" as never);
  assert.deepEqual(inner.released, ["upstream-1"]);
  let heard: string | undefined;
  upstream.onEnded = (id) => heard = id;
  inner.onEnded?.("upstream-2" as never);
  assert.equal(heard, "upstream-2");
});
