// `deno task chaos --minutes N`: replicas behind nginx round robin, each with a server of its own, and a shared store; all of
// them are killed, frozen, rolled out, reloaded and parted from each other while unmodified SDK clients work on. Prints the
// tally, and exits with 1 if anything happened that must not.
import { calm, chaos, DEEDS, findings, PARTINGS } from "../tests/support/chaos/chaos.ts";
import { Network } from "../tests/support/chaos/network.ts";
import { readOptions } from "./options.ts";

const values = readOptions(import.meta.url, {
  minutes: { type: "string", default: "3" },
  replicas: { type: "string", default: "3" },
  sessions: { type: "string", default: "50" },
  deed: { type: "string", multiple: true, default: [...DEEDS, ...PARTINGS] },
  calm: { type: "string" },
});
const [minutes, replicas, sessions] = [Number(values.minutes), Number(values.replicas), Number(values.sessions)];
const obstacle = await Network.obstacle();
const apart = obstacle === undefined;
if (!apart) console.error(`!! NOT PROVEN: that replicas which cannot hear each other go on, because ${obstacle}`);
const deeds = [...DEEDS, ...(apart ? PARTINGS : [])].filter((deed) => values.deed.includes(deed));
// Programs that tests start end after 15 minutes, whatever happens.
if (!(minutes > 0 && minutes <= 14 && replicas >= 2 && sessions > 0) || deeds.length === 0) {
  console.error(
    `Starting chaos found nothing to do, or too much, wants --minutes N up to 14, --replicas 2 or more, --deed ${
      [...DEEDS, ...PARTINGS].join(", ")
    }.`,
  );
  Deno.exit(2);
}
const tally = values.calm === undefined
  ? await chaos({ replicas, sessions, deeds, apart, seconds: minutes * 60, report: console.log })
  : await calm({ replicas, sessions, apart, rounds: Number(values.calm) });
const { calls, thefts, excused, failed, foreign, lost, doubled, leaks } = tally;
console.log({
  ...{
    calls,
    thefts,
    deeds: tally.deeds.length,
    excused,
    failed: failed.length,
    foreign: foreign.length,
    lost: lost.length,
  },
  ...{ doubled: doubled.length, leaks: leaks.length },
});
for (const finding of findings(tally)) console.log(`!! ${finding}`);
Deno.exit(findings(tally).length > 0 ? 1 : 0);
