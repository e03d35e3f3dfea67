import assert from "node:assert/strict";
import { ListenError } from "../../../../lib/app/running_app.ts";
import { claimShared, hopAddress, hopAddressAgain } from "../../../../lib/app/workers/ports.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const OPTIONS = { ...STRICT, ignore: Deno.build.os !== "linux" };

Deno.test("R1: a worker comes back at its address, and at another one if somebody has taken that", OPTIONS, () => {
  const about = { machine: crypto.randomUUID(), listen: { hostname: "127.0.0.1", port: 1 } };
  const first = hopAddress(1, about);
  assert.deepEqual(hopAddressAgain(first, 1, about), first);
  using _thief = Deno.listen(first);
  const next = hopAddressAgain(first, 1, about);
  assert.equal(next.hostname, first.hostname);
  assert.notEqual(next.port, first.port);
  assert.notEqual(next.port, hopAddress(2, about).port, "nor its neighbour's");
  assert.deepEqual(hopAddressAgain(next, 1, about), next, "and stays there");
});

Deno.test(
  "R1: whoever takes every port that a worker could have had does not keep it from coming back",
  OPTIONS,
  () => {
    const about = { machine: crypto.randomUUID(), listen: { hostname: "127.0.0.1", port: 1 } };
    const first = hopAddress(1, about);
    using taken = new DisposableStack();
    const ports = new Set<number>();
    for (let port = first.port; port < first.port + 10_000; port += 100) {
      taken.use(Deno.listen({ hostname: first.hostname, port }));
      ports.add(port);
    }
    const next = hopAddressAgain(first, 1, about);
    assert.equal(next.hostname, first.hostname);
    assert.ok(!ports.has(next.port) && next.port !== about.listen.port);
    taken.use(Deno.listen(next));
  },
);

Deno.test(
  "R1 P3: who starts where workers are just ending waits for their port, and for nobody's for long",
  OPTIONS,
  async () => {
    const timers = new FakeTimers();
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { hostname, port } = taken.addr as Deno.NetAddr;
    const claiming = claimShared({ hostname, port }, timers);
    await timers.advance(500);
    taken.close();
    let claimed: unknown;
    claiming.then((address) => claimed = address);
    for (let i = 0; i < 20 && claimed === undefined; i++) {
      await timers.advance(20);
      await settle();
    }
    assert.deepEqual(claimed, { hostname, port });
    using _stays = Deno.listen({ hostname, port });
    const refused = assert.rejects(claimShared({ hostname, port }, timers), ListenError);
    for (let i = 0; i < 150; i++) await timers.advance(20);
    await refused;
  },
);
