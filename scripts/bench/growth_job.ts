// Whether a process that has seen a million ids still works as it did after a hundred.
import { type Setup, startUpstream } from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, PATH, runLoad, targetOf } from "./context.ts";
import { findingOf } from "./forms.ts";
import type { Running } from "./process.ts";
import { type Measured, median, ratioByRound, ratioWithSpread, show } from "./report.ts";
import {
  CONNECTIONS,
  type Contender,
  type Figures,
  figuresOf,
  figureTable,
  interleave,
  startForms,
  withAll,
} from "./rounds.ts";
import { settledKiB } from "./stream_jobs.ts";

/** Processes differ by more than what is looked for: each is compared with itself, beside one that met nobody. */
export const growth: Job = {
  name: "growth",
  rows: ["growth"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const young = (await startForms(context, setup, keep)).map((form) => ({
        ...form,
        name: `${form.name}, as it was`,
      }));
      const old = await startForms(context, setup, keep);
      const { ids } = await openSessions(context, targetOf(young[0]!.running.port), 100);
      const measure = () =>
        interleave(
          context.quick ? context : { ...context, seconds: 1, rounds: context.rounds * 2 },
          [...young, ...old],
          {
            ...{ connections: CONNECTIONS, headers: headersFor(context), body: CALL, sessionIds: ids },
          },
        );
      const before = await measure();
      const seen = context.quick ? 20_000 : 1_000_000;
      const grown: string[] = [];
      for (const { name, running } of old) {
        const megabytes = await meetStrangers(context, running, { count: seen, upstreamPort: upstream.port });
        grown.push(`${name} by ${show(megabytes)} MB`);
      }
      const after = await measure();
      const title = `100 sessions after ${seen.toLocaleString("en-GB")} others; the process of ${
        grown.join(", of ")
      } grew`;
      context.addDetail(title, figureTable(after, young[0]!.name));
      const cpu = (figures: Map<string, Figures>, { name }: Contender) => figuresOf(figures, name).cpuMicros;
      return [findingOf(
        "growth",
        old.map((form, at) =>
          changeOf([cpu(before, form), cpu(before, young[at]!)], [cpu(after, form), cpu(after, young[at]!)])
        ),
      )];
    }),
};

type Pair = readonly [own: readonly number[], other: readonly number[]];

/** How many times what it was a process takes, the other's change taken out; from the rounds before and after. */
export function changeOf(before: Pair, after: Pair): Measured {
  const was = ratioByRound(...before);
  const { value, spread: [low, high] } = ratioWithSpread(...after);
  const [from, to] = [median(before[0]), median(after[0])].map(show);
  return { value: value / was, spread: [low / was, high / was], detail: `${to} and ${from} µs` };
}

interface Strangers {
  readonly count: number;
  readonly upstreamPort: number;
}

/** One call in each of so many sessions that it has never met. @returns MB by which it has grown */
async function meetStrangers(context: Context, running: Running, { count, upstreamPort }: Strangers): Promise<number> {
  const startKiB = await settledKiB(running);
  await runLoad(context, "strangers", {
    target: targetOf(running.port),
    headers: headersFor(context),
    body: CALL,
    count,
    keyFile: context.credentials.keyFile,
    upstreamUrl: `http://127.0.0.1:${upstreamPort}${PATH}`,
  });
  return (await settledKiB(running) - startKiB) * 1024 / 1e6;
}
