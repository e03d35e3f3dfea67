// A call of a session's client at a stateless server, that wants to be made again, ends when its peer does.
import assert from "node:assert/strict";
import type { Loss } from "../../../../lib/bridge/peer/peer.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { StatelessCall } from "../../../../lib/upstream/stateless/stateless_call.ts";
import type { StatelessParts } from "../../../../lib/upstream/stateless/stateless_parts.ts";
import { DEFAULT_STATELESS_LIMITS } from "../../../../lib/upstream/stateless/stateless_peer_life.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const encoder = new TextEncoder();
const AGAIN = { resultType: "input_required", inputRequests: {}, requestState: "s" };

/** A server that wants each request to be made again, and nothing else. */
class Unsettled {
  asked = 0;

  send({ body }: { body: Uint8Array }) {
    this.asked++;
    const { id } = JSON.parse(new TextDecoder().decode(body));
    const text = encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, result: AGAIN }));
    const head = { status: 200, fields: ["content-type", "application/json"] };
    const answer = { head, body: { length: text.length, takeBuffered: () => text }, release() {} };
    return { response: Promise.resolve(answer), abort() {} };
  }
}

interface Calling {
  readonly headers?: () => Promise<string[]>;
}

/** A call of a server, and what has become of it. */
class Scene {
  readonly timers = new FakeTimers();
  readonly server = new Unsettled();
  readonly account = new ByteAccount();
  readonly lost: Loss[] = [];
  readonly call: StatelessCall;

  constructor({ headers = () => Promise.resolve([]) }: Calling = {}) {
    const { timers, server, account } = this;
    const parts = {
      ...{ upstream: server, caller: { owner: "o", principalKey: "p" }, session: undefined, log: SILENT_LOG },
      ...{ limits: DEFAULT_STATELESS_LIMITS, account, timers, random: (n: number) => new Uint8Array(n) },
    } as unknown as StatelessParts;
    let id = 0;
    this.call = new StatelessCall({
      ...{ parts, ownId: 1, method: "tools/call", fields: [], revision: "2025-11-25", charge: account.open(), headers },
      text: encoder.encode('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'),
      asker: { onReply: () => assert.fail("there is no answer"), onLost: (loss) => void this.lost.push(loss) },
      envelope: () => ({}),
      newId: () => ++id,
      ask: () => assert.fail("the client is asked nothing"),
      withdraw: () => {},
      onNotification: () => undefined,
      onJunk: () => {},
    });
  }

  get left(): number {
    return this.timers.pending + this.account.held;
  }
}

Deno.test("a call that is given up before it is made again is not, and who waits hears of it", STRICT, async () => {
  const scene = new Scene();
  const running = scene.call.run();
  await until(() => scene.timers.pending === 1, "the pause before it is made again");
  scene.call.abort();
  await running;
  assert.deepEqual([scene.server.asked, scene.lost.length, scene.left], [1, 1, 0]);
});

for (const [how, heard] of [["abort", 1], ["cancel", 0]] as const) {
  Deno.test(`a call whose headers are still being found out is not made after its ${how}`, STRICT, async () => {
    const found = Promise.withResolvers<string[]>();
    const scene = new Scene({ headers: () => found.promise });
    const running = scene.call.run();
    scene.call[how]();
    found.resolve([]);
    await running;
    assert.deepEqual([scene.server.asked, scene.lost.length, scene.left], [0, heard, 0]);
  });
}
