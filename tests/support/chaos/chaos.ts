// Replicas, their servers and their store are killed, restarted and reloaded while clients work on, and thieves try. What
// must not happen is counted (docs/behaviour.md R1–R8, L4, O1).
import { until } from "../until.ts";
import { Crowd, Deeds, newTally, type Tally } from "./crowd.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import type { Host } from "./network.ts";

/** What can be done to a fleet. */
export const DEEDS = ["kill_replica", "kill_server", "kill_store", "rotate_key", "roll_out", "freeze_replica"] as const;
/** And to one whose replicas are apart: packets are lost without a word. */
export const PARTINGS = ["part_replica", "part_one_way", "part_store"] as const;
export type DeedName = typeof DEEDS[number] | typeof PARTINGS[number];

export interface ChaosOptions extends FleetOptions {
  readonly sessions: number;
  /** In order, over and over for `seconds`; else once each. */
  readonly deeds: readonly DeedName[];
  readonly seconds?: number;
  readonly report?: (line: string) => void;
}

/** Between two deeds, in ms: what recovers by itself has recovered then. */
const QUIET_MS = 1500;
/** What is sent so long after somebody has fallen silent may be lost in the silence (docs/guides/replicas.md), in ms. */
const UNNOTICED_MS = 2500;
/** So long those that have noticed work on apart from each other, in ms: calls from before have found their end by then. */
const APART_MS = 4500;

export async function chaos(options: ChaosOptions): Promise<Tally> {
  const { sessions, seconds, report = () => {} } = options;
  await using fleet = await Fleet.start(options);
  const tally = newTally();
  const deeds = new Deeds();
  await using crowd = await Crowd.gather({ url: fleet.balancer.url, sessions, tally, deeds });
  report(`${fleet.members.length} replicas, ${sessions} sessions`);
  let isOver = false;
  const work = Promise.all([
    crowd.roundsUntil(() => isOver),
    crowd.rob(fleet.members.map(({ signet }) => signet.url), () => isOver),
  ]);
  try {
    const untilMs = performance.now() + (seconds ?? 0) * 1000;
    for (let turn = 0; turn < options.deeds.length || performance.now() < untilMs; turn++) {
      const deed = options.deeds[turn % options.deeds.length]!;
      await pause(QUIET_MS);
      report(`${deed} (${tally.calls} calls, ${tally.failed.length} failed)`);
      tally.deeds.push(deed);
      // Without the store a replica refuses what it does not know (R6).
      if (deed === "kill_store" || deed === "part_store") {
        await crowd.meet(fleet.members.map(({ signet }) => signet.url));
      }
      await doTo(fleet, deed, turn, deeds);
    }
    await pause(QUIET_MS);
  } finally {
    isOver = true;
    await work;
  }
  await crowd.check(await fleet.journal.executions());
  return tally;
}

/** Sessions, rounds and thieves, and nothing else done to anybody. */
export async function calm(
  options: FleetOptions & { readonly sessions: number; readonly rounds: number },
): Promise<Tally> {
  await using fleet = await Fleet.start(options);
  const tally = newTally();
  await using crowd = await Crowd.gather({
    url: fleet.balancer.url,
    sessions: options.sessions,
    tally,
    deeds: new Deeds(),
  });
  let isOver = false;
  const thieves = crowd.rob(fleet.members.map(({ signet }) => signet.url), () => isOver);
  try {
    await crowd.rounds(options.rounds);
  } finally {
    isOver = true;
    await thieves;
  }
  await crowd.check(await fleet.journal.executions());
  return tally;
}

async function doTo(fleet: Fleet, deed: DeedName, turn: number, deeds: Deeds): Promise<void> {
  const { signet, server } = fleet.members[turn % fleet.members.length]!;
  switch (deed) {
    case "kill_replica":
      // In flight at the moment of the kill is all that may fail: that it comes back is no excuse.
      await deeds.during(() => signet.kill());
      await pause(QUIET_MS);
      return await signet.restart();
    case "kill_server":
      return await deeds.during(() => server.restart());
    case "kill_store":
      await deeds.during(() => fleet.redis.kill());
      await pause(QUIET_MS);
      return await fleet.redis.start();
    case "rotate_key":
      return await fleet.rotateKey();
    case "roll_out":
      return await fleet.rollOut();
    case "part_replica":
      return await part(fleet, turn, { deeds, bothWays: true });
    case "part_one_way":
      return await part(fleet, turn, { deeds, bothWays: false });
    case "part_store":
      return await partFromStore(fleet, turn, deeds);
    case "freeze_replica":
      return await deeds.during(async () => {
        signet.signal("SIGSTOP");
        await pause(6000);
        signet.signal("SIGCONT");
      });
  }
}

/**
 * What one replica says to the others is lost, and what they say to it if `bothWays`; the balancer and the store reach it.
 * What was sent until the silence is noticed may fail; nothing after that, and nothing when it is over.
 */
async function part(
  { ways, members }: Fleet,
  turn: number,
  { deeds, bothWays }: { deeds: Deeds; bothWays: boolean },
): Promise<void> {
  const { network, replicas } = ways;
  const one = replicas[turn % members.length]!;
  const lost = replicas.filter((other) => other !== one)
    .flatMap((other): [Host, Host][] => bothWays ? [[one, other], [other, one]] : [[one, other]]);
  await deeds.during(async () => {
    for (const [from, to] of lost) await network.lose(from, to);
    await pause(UNNOTICED_MS);
  });
  await pause(APART_MS);
  for (const [from, to] of lost) await network.pass(from, to);
}

/** One replica and the store lose what they say to each other: warm sessions go on, and it finds the store again by itself. */
async function partFromStore(fleet: Fleet, turn: number, deeds: Deeds): Promise<void> {
  const { network, replicas, store } = fleet.ways;
  const index = turn % replicas.length;
  const one = replicas[index]!;
  const lost: [Host, Host][] = [[one, store], [store, one]];
  await deeds.during(async () => {
    for (const [from, to] of lost) await network.lose(from, to);
  });
  await until(async () => await fleet.metric(index, "signet_store_up") === 0, "the silence of the store to be noticed");
  await pause(QUIET_MS);
  for (const [from, to] of lost) await network.pass(from, to);
  await until(async () => await fleet.metric(index, "signet_store_up") === 1, "the store to be found again");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What must not have happened; empty if all is well. */
export function findings({ failed, foreign, lost, doubled, leaks }: Tally): string[] {
  const kinds = { failed, foreign, lost, doubled, leaks };
  return Object.entries(kinds).flatMap(([kind, all]) =>
    all.slice(0, 5).map((one) => `${kind} (${all.length}): ${one}`)
  );
}
