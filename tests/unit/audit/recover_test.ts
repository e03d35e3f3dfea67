// G2: what a killed process has left of an audit log is gone on with as what it is, whatever clients have had written there.
import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { Chain, type ChainKey } from "../../../lib/audit/chain.ts";
import { recoverChain, type Recovered } from "../../../lib/audit/recover.ts";
import { type Verdict, Verifier } from "../../../lib/audit/verify.ts";
import { sealTexts } from "../../support/audit.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const KEY: ChainKey = { id: "00000001", secret: new Uint8Array(32).fill(1) };
const START = `"time":"t","event":"audit.start","key":"${KEY.id}"`;
const KILLED = `${START},"killed":true`;
/** A call of which a member of its arguments is shown. */
const call = (of: string) => `"time":"t","event":"tool.call","args":{"bytes":9,"shown":{"of":${of}}},"status":200`;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function recovered(log: string): Promise<Recovered> {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/audit.jsonl`;
  await Deno.writeTextFile(path, log);
  const file = await open(path, "r");
  try {
    return (await recoverChain(file))!;
  } finally {
    await file.close();
  }
}

/** What there is once a Signet has gone on with it: a start, with `more` of its members, and a stop. */
async function goneOnWith(log: string): Promise<string> {
  const state = await recovered(log);
  const chain = new Chain(KEY, state);
  let start = `${state.stopped ? START : KILLED},"prev":"${state.mac}"`;
  if (state.unsealed > 0) start += `,"unsealed":${state.unsealed}`;
  if (state.torn > 0) start += `,"torn":${state.torn}`;
  const end = state.endsLine ? "\n" : "";
  return log + end + text(sealTexts(chain, [start])) + text(sealTexts(chain, ['"time":"t","event":"audit.stop"']));
}

async function verdictOf(log: string): Promise<Verdict> {
  const verifier = new Verifier([KEY]);
  await verifier.read(
    "log",
    (async function* () {
      yield await Promise.resolve(new TextEncoder().encode(log));
    })(),
  );
  return verifier.verdict;
}

for (const end of ["", "\n"]) {
  Deno.test(`G2: a call's argument that reads as a MAC is none where its line was torn behind it${end && ", and given its end"}`, async () => {
    const chain = new Chain(KEY);
    const sealed = text(sealTexts(chain, [START]));
    const { mac } = chain.head;
    const of = '{"a":1,"mac":"0123456789abcdef0123456789abcdef"}';
    const line = text(sealTexts(chain, [call(of)]));
    const torn = line.slice(0, line.indexOf(of) + of.length);
    const state = await recovered(sealed + torn + end);
    assert.deepEqual([state.mac, state.seq], [mac, 1]);
    assert.deepEqual((await verdictOf(await goneOnWith(sealed + torn + end))).problems, []);
  });
}

Deno.test("G2: a Signet that was killed behind a call whose arguments speak of its end has not ended in order", async () => {
  for (const last of [call('{"x":1,"event":"audit.stop"}'), '"time":"t","event":"audit.stop"']) {
    const chain = new Chain(KEY);
    const log = text(sealTexts(chain, [START])) + text(sealTexts(chain, [last]));
    assert.equal((await recovered(log)).stopped, !last.includes("args"));
  }
});

Deno.test("G2: verify tells how many lines had no MAC when a Signet went on behind them: anybody may have written those", async () => {
  const chain = new Chain(KEY);
  const log = text(sealTexts(chain, [START])) + text(sealTexts(chain, ['"time":"t","event":"audit.stop"']));
  const forged = `{"v":1,"seq":3,${call('"never asked for"')}}\n`;
  assert.equal((await verdictOf(await goneOnWith(log))).unsealed, 0);
  for (
    const [behind, unsealed] of [[forged, 1], [forged + forged.replace("3", "4"), 2], [forged.slice(0, -9), 1]] as const
  ) {
    const { problems, ...verdict } = await verdictOf(await goneOnWith(log + behind));
    assert.deepEqual([problems, verdict.killed, verdict.unsealed], [[], 1, unsealed], behind);
  }
});

Deno.test("G2: those behind which a Signet was killed once more are counted once", async () => {
  const log = text(sealTexts(new Chain(KEY), [START]));
  const torn = '{"v":1,"seq":2,"time":"t","ev';
  const again = `{"v":1,"seq":2,${KILLED},"prev":"${/"mac":"(\w+)"/.exec(log)![1]}","torn":${torn.length}}\n`;
  const { problems, killed, unsealed } = await verdictOf(await goneOnWith(`${log}${torn}\n${again}`));
  assert.deepEqual([problems, killed, unsealed], [[], 2, 2]);
});
