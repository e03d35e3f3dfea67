// A stdio server says by itself that it does not know a session (docs/behaviour.md L4, B1): no words are matched and
// nothing is asked, and what was lost with Signet's own restart goes on for the client.
import assert from "node:assert/strict";
import { call, freshRing, INITIALIZE, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const { command, args = [] } = fixture();
const UPSTREAM = [command, ...args];

/** Ids of sessions whose processes went with the Signet that had them, and the Signet that took its place. */
async function restarted(options: { lane: Lane; ids: number; flags?: readonly string[] }) {
  const ring = freshRing();
  const before = await TestSignet.start({ upstream: UPSTREAM, lane: options.lane, ring });
  const ids: string[] = [];
  for (let n = 0; n < options.ids; n++) ids.push(await before.open());
  await before[Symbol.asyncDispose]();
  const signet = await TestSignet.start({ upstream: UPSTREAM, lane: options.lane, ring, flags: options.flags ?? [] });
  return { signet, ids, [Symbol.asyncDispose]: () => signet[Symbol.asyncDispose]() };
}

async function count(signet: TestSignet, n: number, id: string): Promise<unknown> {
  const answer = await signet.post(call(n, "count"), { id });
  const body = await answer.json();
  if (body.result === undefined) throw new Error(`calling: status ${answer.status}, ${JSON.stringify(body)}`);
  return JSON.parse(body.result.content[0].text).count;
}

for (const lane of LANES) {
  Deno.test(`L4 B1: a call after a restart runs once, in a new process (${lane} lane)`, STRICT, async () => {
    await using scene = await restarted({ lane, ids: 1 });
    assert.equal(await count(scene.signet, 1, scene.ids[0]!), 1);
    assert.equal(await count(scene.signet, 2, scene.ids[0]!), 2);
    assert.equal(await scene.signet.metric('signet_resurrections_total{outcome="ok"}'), 1);
    assert.equal(await scene.signet.metric('signet_stdio_process_events_total{event="started"}'), 1);
  });

  Deno.test(`L4 B1: a stream opened after a restart is there (${lane} lane)`, STRICT, async () => {
    await using scene = await restarted({ lane, ids: 1 });
    const stream = await scene.signet.get({ id: scene.ids[0]! });
    assert.equal(stream.status, 200);
    await stream.body?.cancel();
    assert.equal(await count(scene.signet, 1, scene.ids[0]!), 1);
  });

  Deno.test(`O4 B1: initialize under an old id after a restart starts one process (${lane} lane)`, STRICT, async () => {
    await using scene = await restarted({ lane, ids: 1 });
    const [id] = scene.ids;
    const again = await scene.signet.post({ ...INITIALIZE, id: 9 }, { id });
    assert.deepEqual([again.status, (await again.json()).id], [200, 9]);
    assert.equal(await status(scene.signet.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { id })), 202);
    assert.equal(await count(scene.signet, 1, id!), 1);
    assert.equal(await scene.signet.metric('signet_stdio_process_events_total{event="started"}'), 1);
  });

  Deno.test(`L4 M2: two sessions that take turns at one place start few processes (${lane} lane)`, STRICT, async () => {
    await using scene = await restarted({ lane, ids: 2, flags: ["--max-sessions", "1"] });
    for (let n = 0; n < 24; n++) await status(scene.signet.post(call(n, "count"), { id: scene.ids[n % 2]! }));
    const started = await scene.signet.metric('signet_stdio_process_events_total{event="started"}');
    assert.equal(started <= 12, true, `${started} processes were started`);
  });

  for (const how of ["its calls", "its client's initialize"] as const) {
    Deno.test(
      `L4 M5: a session that finds no place for its process is not lost by ${how} (${lane} lane)`,
      STRICT,
      async () => {
        await using scene = await restarted({ lane, ids: 2, flags: ["--max-processes", "1"] });
        const [holder, waiting] = scene.ids;
        assert.equal(await count(scene.signet, 1, holder!), 1);
        const message = how === "its calls" ? call(2, "count") : { ...INITIALIZE, id: 2 };
        const statuses = new Set<number>();
        // More often than a session may be opened again within a minute.
        for (let n = 0; n < 12; n++) statuses.add(await status(scene.signet.post(message, { id: waiting })));
        assert.deepEqual([...statuses], [503], "nothing was opened, so that nothing counts");
        assert.equal(await status(scene.signet.delete({ id: holder })), 204);
        await until(async () => await scene.signet.metric("signet_stdio_processes") === 0, "the place is free");
        assert.equal(await count(scene.signet, 3, waiting!), 1);
      },
    );
  }
}
