// Replicas, their servers and their store are killed, restarted and reloaded while clients work on, and thieves try. What
// must not happen is counted (docs/behaviour.md R1–R8, L4, O1).
import { Crowd, Deeds, newTally, type Tally } from "./crowd.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";

/** What can be done to a fleet. */
export const DEEDS = ["kill_replica", "kill_server", "kill_store", "rotate_key", "roll_out", "freeze_replica"] as const;
export type DeedName = typeof DEEDS[number];

export interface ChaosOptions extends FleetOptions {
  readonly sessions: number;
  /** In order, over and over for `seconds`; else once each. */
  readonly deeds: readonly DeedName[];
  readonly seconds?: number;
  readonly report?: (line: string) => void;
}

/** Between two deeds, in ms: what recovers by itself has recovered then. */
const QUIET_MS = 1500;

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

/** Sessions and rounds, and nothing done to anybody. */
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
  await crowd.rounds(options.rounds);
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
    case "freeze_replica":
      return await deeds.during(async () => {
        signet.signal("SIGSTOP");
        await pause(6000);
        signet.signal("SIGCONT");
      });
  }
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
