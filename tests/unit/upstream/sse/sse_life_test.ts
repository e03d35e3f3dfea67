// A session with a server of HTTP+SSE ends whatever it is waiting for.
import assert from "node:assert/strict";
import { NO_CARRIER } from "../../../../lib/bridge/peer/peer.ts";
import type { PeerEvents } from "../../../../lib/bridge/peer/peer_source.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { HttpError } from "../../../../lib/http1/types.ts";
import { createLogger } from "../../../../lib/observe/log.ts";
import { DEFAULT_BACKOFF } from "../../../../lib/upstream/backoff.ts";
import { DEFAULT_SSE_LIMITS } from "../../../../lib/upstream/sse.ts";
import { SseLife } from "../../../../lib/upstream/sse/sse_life.ts";
import type { Upstream } from "../../../../lib/upstream/upstream.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const HANDSHAKE = new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}');

Deno.test("B5: a session that ends while its next stream is held back opens none", STRICT, async () => {
  const timers = new FakeTimers();
  let opened = 0;
  const upstream = {
    name: "a server that is away",
    send: () => {
      opened++;
      return { response: Promise.reject(new HttpError("connect_failed", "connecting: refused")), abort() {} };
    },
  } as unknown as Upstream;
  const life = new SseLife({
    channel: {
      ...{ upstream, timers, limits: DEFAULT_SSE_LIMITS, account: new ByteAccount() },
      ...{ caller: { owner: "o", principalKey: "p" } as never, session: undefined },
    },
    fieldsOf: () => [],
    log: createLogger({ level: "error", format: "json", write: () => {}, now: () => 0 }),
    events: {} as PeerEvents,
  });
  life.attach({ state: undefined, protocolVersion: "2024-11-05", handshake: HANDSHAKE });
  const refused = () => assert.rejects(Promise.resolve(life.peerFor(NO_CARRIER)), SignetError);
  for (let time = 0; time <= DEFAULT_BACKOFF.free; time++) await refused();
  const before = opened;
  const heldBack = refused();
  assert.equal(timers.pending, 1);
  life.stop();
  await heldBack;
  await refused();
  assert.deepEqual([opened, timers.pending], [before, 0]);
});
