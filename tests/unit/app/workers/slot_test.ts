import assert from "node:assert/strict";
import type { Begin } from "../../../../lib/app/workers/messages.ts";
import { Slot } from "../../../../lib/app/workers/slot.ts";
import { ConfigError } from "../../../../lib/errors.ts";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";
import { type FakeAnswers, FakeWorker } from "./fake_worker.ts";

/** A place, the processes that have had it, and what was logged. */
function placeWith(answersOf: (attempt: number) => FakeAnswers, whenSteady = () => Promise.resolve()) {
  const timers = new FakeTimers();
  const workers: FakeWorker[] = [];
  const logged: string[] = [];
  const lines: string[] = [];
  const note = (event: string) => void logged.push(event);
  const slot = new Slot({
    number: 1,
    start: () => {
      const worker = new FakeWorker(workers.length + 1, answersOf(workers.length));
      workers.push(worker);
      return worker;
    },
    begin: () => ({ number: 1 }) as Begin,
    whenSteady,
    store: createMemoryStore(),
    log: { debug: note, info: note, warn: note, error: note },
    timers,
    onLogged: (_, line) => void lines.push(line),
    onWatched: () => {},
    onEnded: () => {},
  });
  return { slot, timers, workers, logged, lines };
}

const SOUND: FakeAnswers = (call) => call === "listen" ? "http://127.0.0.1:1/mcp" : call === "alive";

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await settle();
}

Deno.test("R1: a worker that ends is followed by another, later each time it fails", STRICT, async () => {
  const { slot, timers, workers, logged } = placeWith((attempt) => (call, args) => {
    if (attempt === 2 && call === "begin") throw new ConfigError([{ place: "a", problem: "b", remedy: "c" }]);
    return SOUND(call, args);
  });
  await slot.prepare();
  assert.equal(await slot.listen(), "http://127.0.0.1:1/mcp");
  assert.equal(slot.isUp, true);
  workers[0]!.end(1, null);
  await settled();
  assert.equal(slot.isUp, false);
  await assert.rejects(() => slot.ask("ready"), /being started again/);
  await timers.advance(100);
  await settled();
  assert.deepEqual([slot.isUp, workers.length, slot.ends], [true, 2, 1]);
  workers[1]!.end(1, null);
  await settled();
  await timers.advance(199);
  assert.equal(workers.length, 2);
  await timers.advance(1);
  await settled();
  assert.equal(workers[2]!.killed, true, "one that cannot begin is let go of");
  await timers.advance(400);
  await settled();
  assert.deepEqual([slot.isUp, workers.length], [true, 4]);
  assert.deepEqual(logged.filter((event) => event === "a worker could not be started").length, 1);
  await slot.end();
});

Deno.test(
  "P2: a worker that is to take a place waits until nothing changes that it would be told",
  STRICT,
  async () => {
    const steady = Promise.withResolvers<void>();
    const { slot, timers, workers } = placeWith(() => SOUND, () => steady.promise);
    await slot.prepare();
    await slot.listen();
    workers[0]!.end(1, null);
    await settled();
    await timers.advance(100);
    await slot.settled();
    assert.equal(workers.length, 1, "whoever makes the change waits for no start that waits for it");
    steady.resolve();
    await settled();
    assert.deepEqual([slot.isUp, workers.length], [true, 2]);
    await slot.end();
  },
);

Deno.test("P3: what keeps the first worker from starting is thrown, and no other one is started", STRICT, async () => {
  const refused = placeWith(() => () => {
    throw new ConfigError([{ place: "--x", problem: "is wrong", remedy: "Mend it." }]);
  });
  await assert.rejects(() => refused.slot.prepare(), ConfigError);
  await refused.slot.end();
  const gone = placeWith(() => () => new Promise(() => {}));
  const preparing = gone.slot.prepare();
  await settled();
  gone.workers[0]!.end(1, null);
  await assert.rejects(preparing, /it has ended \(exit code 1\)/);
  await gone.timers.advance(60_000);
  assert.equal(gone.workers.length, 1);
  const silent = placeWith(() => () => new Promise(() => {}));
  const waiting = assert.rejects(silent.slot.prepare(), /has not begun within 60 s/);
  await settled();
  await silent.timers.advance(60_000);
  await waiting;
  assert.equal(silent.workers[0]!.killed, true);
});

Deno.test("R1: a worker that stands still is ended, and one that says what is no message", STRICT, async () => {
  const { slot, timers, workers, logged } = placeWith(() => (call, args) =>
    call === "alive" ? new Promise(() => {}) : SOUND(call, args)
  );
  await slot.prepare();
  await slot.listen();
  await timers.advance(5000);
  await settled();
  await timers.advance(29_999);
  assert.equal(workers[0]!.killed, false);
  await timers.advance(1);
  await settled();
  assert.equal(workers[0]!.killed, true);
  assert.ok(logged.includes("a worker stands still: it is ended"));
  await timers.advance(100);
  await settled();
  workers[1]!.said.push("Segmentation fault");
  await settled();
  assert.equal(workers[1]!.killed, true);
  await slot.end();
});

Deno.test("P2: a place that is left takes no other worker, and its end waits for the process", STRICT, async () => {
  const { slot, timers, workers } = placeWith(() => SOUND);
  await slot.prepare();
  await slot.listen();
  slot.leave();
  workers[0]!.end(0, null);
  await settled();
  await timers.advance(60_000);
  assert.equal(workers.length, 1);
  await slot.end();
});

Deno.test("P1: a worker's log lines are handed on, and its store is asked by name", STRICT, async () => {
  const { slot, workers, lines } = placeWith(() => SOUND);
  await slot.prepare();
  workers[0]!.logged.push('{"level":"info","event":"x"}');
  const head = await workers[0]!.channel.ask("store", ["revocations.head", []]);
  assert.equal(head, 0);
  await assert.rejects(() => workers[0]!.channel.ask("anything", []), /want one of its own version/);
  assert.deepEqual(lines, ['{"level":"info","event":"x"}']);
  await slot.end();
});

Deno.test("R1: a worker that does not come to listen is ended, and holds up no reload", STRICT, async () => {
  const { slot, timers, workers } = placeWith((attempt) => (call, args) =>
    attempt === 1 && call === "listen" ? new Promise(() => {}) : SOUND(call, args)
  );
  await slot.prepare();
  await slot.listen();
  workers[0]!.end(1, null);
  await settled();
  await timers.advance(100);
  await settled();
  const starting = slot.settled();
  await timers.advance(60_000);
  await starting;
  assert.equal(workers[1]!.killed, true);
  await settled();
  await timers.advance(400);
  await settled();
  assert.deepEqual([slot.isUp, workers.length], [true, 3]);
  await slot.end();
});
