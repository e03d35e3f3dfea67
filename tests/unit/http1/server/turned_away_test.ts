// Who is turned away at the limit, and does not let himself be told so, holds nothing for long.
import assert from "node:assert/strict";
import { TurnedAway } from "../../../../lib/http1/server/turned_away.ts";
import { Sweep } from "../../../../lib/http1/wire/deadline.ts";
import type { Socket } from "../../../../lib/platform/sockets/socket.ts";
import { ManualClock, textOf } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";

interface Turned {
  readonly told: string[];
  closed: boolean;
}

class Limit implements Disposable {
  readonly clock = new ManualClock();
  readonly turnedAway = new TurnedAway(new Sweep({ now: this.clock.now, intervalMs: 5 }));

  /** @param taken how its write ends: never, where a TLS handshake does not go on */
  turnAway(secure: boolean, taken: Promise<number>): Turned {
    const turned: Turned = { told: [], closed: false };
    const socket: Socket = {
      takesAtOnce: false,
      own: () => {},
      read: () => {},
      write: (bytes, from, to) => {
        turned.told.push(textOf(bytes.subarray(from, to)));
        return taken;
      },
      closeWrite: () => Promise.resolve(),
      close: () => turned.closed = true,
    };
    this.turnedAway.add({ socket, remoteAddress: "", remotePort: 1, secure, inner: false });
    return turned;
  }

  [Symbol.dispose](): void {
    this.turnedAway.close();
  }
}

const NEVER = new Promise<number>(() => {});

Deno.test("M3: whoever is turned away is told 503, and closed once that is written or cannot be", STRICT, async () => {
  using limit = new Limit();
  for (const write of [() => Promise.resolve(1), () => Promise.reject(new Error("gone"))]) {
    const turned = limit.turnAway(true, write());
    await until(() => turned.closed, "the end");
    assert.match(turned.told.join(), /^HTTP\/1\.1 503 .*connection: close\r\n\r\n$/s);
  }
});

Deno.test(
  "M3: whoever is turned away and does not go on with the TLS handshake is closed after 2 s",
  STRICT,
  async () => {
    using limit = new Limit();
    const silent = limit.turnAway(true, NEVER);
    limit.clock.advance(1999);
    const later = limit.turnAway(true, NEVER);
    await aMoment(25); // a sweep looks at the clock
    assert.equal(silent.closed, false);
    limit.clock.advance(1);
    await until(() => silent.closed, "the end");
    assert.equal(later.closed, false);
  },
);

Deno.test("M3: of those turned away 64 at a time are waited for over TLS, and everybody without", STRICT, () => {
  using limit = new Limit();
  const waiting = Array.from({ length: 64 }, () => limit.turnAway(true, NEVER));
  const over = limit.turnAway(true, NEVER);
  const plain = limit.turnAway(false, NEVER);
  assert.deepEqual([over.closed, over.told.length, plain.closed, plain.told.length], [true, 0, false, 1]);
  assert.ok(waiting.every(({ closed }) => !closed));
  limit.turnedAway.close();
  assert.ok([...waiting, plain].every(({ closed }) => closed), "the server's end is theirs");
});
