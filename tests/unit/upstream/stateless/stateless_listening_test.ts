// A subscription that a stateless server takes and never acknowledges is given up, and told of as what it is.
import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { HttpError } from "../../../../lib/http1/types.ts";
import { StatelessListening } from "../../../../lib/upstream/stateless/stateless_listening.ts";
import type { StatelessParts } from "../../../../lib/upstream/stateless/stateless_parts.ts";
import { DEFAULT_STATELESS_LIMITS } from "../../../../lib/upstream/stateless/stateless_peer_life.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

/** A server that takes each subscription, and says nothing on its stream. */
class Silent {
  open = 0;
  asked = 0;

  send() {
    this.asked++;
    this.open++;
    const over = Promise.withResolvers<null>();
    over.promise.catch(() => {});
    const end = () => {
      this.open--;
      over.reject(new HttpError("aborted", "cut"));
    };
    const body = { length: -1, read: () => over.promise };
    const head = { status: 200, fields: ["content-type", "text/event-stream"] };
    return { response: Promise.resolve({ head, body, release() {} }), abort: end };
  }
}

Deno.test("StatelessListening gives up a subscription that is never acknowledged, and says so", STRICT, async () => {
  const [server, timers] = [new Silent(), new FakeTimers()];
  let id = 0;
  const parts = {
    ...{ upstream: server, caller: { owner: "o", principalKey: "p" }, session: undefined, log: SILENT_LOG },
    ...{ limits: DEFAULT_STATELESS_LIMITS, account: new ByteAccount(), timers },
  } as unknown as StatelessParts;
  const listening = new StatelessListening({
    ...{ parts, newId: () => ++id, envelope: () => ({}), onNotification: () => undefined, onJunk: () => {} },
    capabilities: () => Promise.resolve({ resources: { subscribe: true } }),
  });
  for (const uri of ["x:1", "x:1", "x:2"]) {
    const asked = server.asked;
    const refused = listening.subscribe(uri, []).catch((error) => error);
    await until(() => server.asked === asked + 1, "the server is asked");
    timers.advance(DEFAULT_STATELESS_LIMITS.startTimeoutMs);
    const error = await refused;
    assert.ok(error instanceof SignetError, String(error));
    assert.equal(error.code, "upstream_timeout");
    assert.match(error.message, /did not acknowledge/);
    assert.equal(server.open, 0, "nothing of it is left at the server");
  }
  await listening.stop();
});
