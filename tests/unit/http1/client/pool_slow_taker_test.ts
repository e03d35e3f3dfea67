// What a server does while an answer of its is still being passed on, to a client that takes it slowly: the connection is
// another call's afterwards only if nothing has come of it since, not even its end.
import assert from "node:assert/strict";
import type { ClientResponse } from "../../../../lib/http1/types.ts";
import { type RawPeer, RawUpstream } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until, within } from "../../../support/until.ts";
import { answer, poolBefore, post, type TestPool, textOfBody } from "./pool_support.ts";

/** How an answer comes, so that it is read in one piece or several. */
const WAYS: readonly (readonly string[])[] = [[answer("slow")], [answer("slow").slice(0, -2), "ow"]];

/** An answer that has been read, and not been let go of. */
async function taken(test: TestPool, pieces: readonly string[]): Promise<{ response: ClientResponse; peer: RawPeer }> {
  const call = test.pool.send(post("slow"));
  const peer = await test.upstream.next();
  await peer.takeMessage();
  for (const piece of pieces) {
    await peer.send(piece);
    await aMoment(5);
  }
  const response = await within("an answer", call.response);
  assert.equal(await textOfBody(response.body), "slow");
  return { response, peer };
}

for (
  const [how, act] of [
    ["brought more", (peer: RawPeer) => peer.send(answer("nobody's"))],
    ["ended", (peer: RawPeer) => peer.closeWrite()],
  ] as const
) {
  Deno.test(
    `a connection that has ${how} while its answer was taken carries no call that waits`,
    STRICT,
    async () => {
      for (const pieces of WAYS) {
        await using test = poolBefore(new RawUpstream(), { maxConnections: 1 });
        const { response, peer } = await taken(test, pieces);
        const waiting = test.pool.send(post("mine"));
        await act(peer);
        await aMoment(20);
        response.release();
        const fresh = await test.upstream.next();
        assert.equal((await fresh.takeMessage()).body, "mine");
        await fresh.send(answer("mine"));
        const answered = await within("an answer", waiting.response);
        assert.equal(await textOfBody(answered.body), "mine");
        answered.release();
        assert.equal(peer.received, "");
      }
    },
  );
}

Deno.test("a connection on which nothing came while its answer was taken is kept", STRICT, async () => {
  for (const pieces of WAYS) {
    await using test = poolBefore(new RawUpstream(), { maxConnections: 1 });
    const { response, peer } = await taken(test, pieces);
    const waiting = test.pool.send(post("mine"));
    response.release();
    assert.equal((await peer.takeMessage()).body, "mine");
    await peer.send(answer("mine"));
    (await within("an answer", waiting.response)).release();
    await until(() => test.pool.stats.idle === 1, "the connection to be free");
    assert.equal(test.upstream.accepted, 1);
  }
});
