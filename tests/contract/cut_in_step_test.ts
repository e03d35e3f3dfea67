// Requests that have come together wait for each other before they are sent on (lib/platform/time/steps.ts): of one that is cut
// meanwhile nothing reaches the server, and its client hears why (docs/behaviour.md L6, C1).
import assert from "node:assert/strict";
import { STEPS } from "../../lib/platform/time/steps.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, revoke, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until, within } from "../support/until.ts";

interface Scene {
  readonly signet: TestSignet;
  readonly upstream: FakeMcp;
}

const isToolCall = ({ body }: { readonly body: string }) => body.includes('"tools/call"');
const callsAt = ({ upstream }: Scene) => upstream.requests.filter(isToolCall).length;
const inFlight = ({ signet }: Scene) => signet.metric('signet_in_use{limit="requests"}');
const connections = ({ signet }: Scene) => signet.metric("signet_connections");

/** A call that has its place in its session, and waits for the others that came with it. */
async function heldCall(scene: Scene, signal?: AbortSignal) {
  const id = await scene.signet.open();
  STEPS.begin();
  const answer = scene.signet.post(call(1, "echo"), { id, ...(signal === undefined ? {} : { signal }) });
  answer.catch(() => {});
  await until(async () => await inFlight(scene) === 1, "the call to have its place");
  return { id, answer };
}

for (const lane of LANES) {
  const scene = async (test: (scene: Scene) => Promise<void>) => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    try {
      await test({ signet, upstream });
    } finally {
      STEPS.end();
    }
  };

  Deno.test(
    `a call whose session is revoked while it waits for others is not sent (${lane} lane)`,
    STRICT,
    () =>
      scene(async (scene) => {
        const { id, answer } = await heldCall(scene);
        await revoke(scene.signet, { kind: "session", id });
        STEPS.end();
        const response = await within("the answer", answer);
        assert.equal(response.status, 404, await response.text());
        await until(async () => await inFlight(scene) === 0, "its place to be free");
        assert.equal(callsAt(scene), 0);
      }),
  );

  Deno.test(
    `a call whose client leaves while it waits for others is not sent (${lane} lane)`,
    STRICT,
    () =>
      scene(async (scene) => {
        const client = new AbortController();
        await heldCall(scene, client.signal);
        client.abort();
        await until(async () => await connections(scene) === 0, "its connection to be gone");
        STEPS.end();
        await until(async () => await inFlight(scene) === 0, "its place to be free");
        assert.equal(callsAt(scene), 0);
      }),
  );
}
