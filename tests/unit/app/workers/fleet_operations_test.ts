import assert from "node:assert/strict";
import { FleetOperations } from "../../../../lib/app/workers/fleet_operations.ts";
import type { Slot } from "../../../../lib/app/workers/slot.ts";
import { MetricsPage } from "../../../../lib/observe/metrics.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const page = (count: number) => `# HELP a_total A.\n# TYPE a_total counter\na_total ${count}\n`;

/** Two workers: the first one answers once `first` has settled, the second one as the test settles `asked`. */
function twoWorkers(first = () => Promise.resolve()) {
  const timers = new FakeTimers();
  const asked: PromiseWithResolvers<string>[] = [];
  const slots = [
    { number: 1, isUp: true, ask: () => first().then(() => page(1)) },
    {
      ...{ number: 2, isUp: true },
      ask: () => {
        asked.push(Promise.withResolvers<string>());
        return asked.at(-1)!.promise;
      },
    },
  ] as unknown as Slot[];
  const operations = new FleetOperations({
    ...{ slots, timers, page: new MetricsPage(), isDraining: () => false, logLevel: () => "info" as const },
    own: () => ({ replace: new Map(), add: new Map() }),
  });
  const scraped = async (whileAsked: () => Promise<void> | void) => {
    const scraping = operations.metrics();
    await settle();
    await whileAsked();
    return Number(/^a_total (\d+)$/m.exec(await scraping)?.[1]);
  };
  return { operations, timers, asked, scraped };
}

Deno.test("P1: a counter does not fall for a worker that does not answer in time", STRICT, async () => {
  const { timers, asked, scraped } = twoWorkers();
  assert.equal(await scraped(() => asked[0]!.resolve(page(10))), 11);
  assert.equal(await scraped(() => timers.advance(5000)), 11);
  assert.equal(await scraped(() => asked[2]!.resolve(page(12))), 13);
});

Deno.test("P1: a worker that ends while the others are asked is not counted twice", STRICT, async () => {
  let first = Promise.resolve();
  const { operations, asked, scraped } = twoWorkers(() => first);
  assert.equal(await scraped(() => asked[0]!.resolve(page(10))), 11);
  const slow = Promise.withResolvers<void>();
  first = slow.promise;
  const during = await scraped(async () => {
    asked[1]!.resolve(page(12));
    await settle();
    operations.onEnded(2);
    slow.resolve();
  });
  const after = await scraped(() => asked[2]!.resolve(page(0)));
  assert.deepEqual([during, after], [11, 11]);
});
