// A program that is run for what it prints: bounded in what it may print, and ended with nobody waiting for what it leaves.
import assert from "node:assert/strict";
import { runToEnd } from "../../../../lib/platform/process/child_process.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { until } from "../../../support/until.ts";

const shell = { ...STRICT, ignore: Deno.build.os === "windows" };
const sh = (script: string, signal = new AbortController().signal) => runToEnd("/bin/sh", ["-c", script], signal);

Deno.test("runToEnd gives what a program printed, and how it ended", shell, async () => {
  const { code, stdout, stderr } = await sh("echo out; echo err >&2; exit 3");
  assert.equal(code, 3);
  assert.equal(new TextDecoder().decode(stdout), "out\n");
  assert.equal(new TextDecoder().decode(stderr), "err\n");
});

Deno.test("runToEnd keeps the first MiB of what a program floods it with", shell, async () => {
  const { code, stdout, stderr } = await sh("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2");
  assert.deepEqual([code, stdout.length, stderr.length], [0, 1024 * 1024, 1024 * 1024]);
});

Deno.test("runToEnd waits for nobody that a program it has ended leaves with its pipes", shell, async () => {
  await using folder = await TempFolder.create();
  const abort = new AbortController();
  const begun = `${folder.path}/begun`;
  // In a file: what lies in a pipe that nobody has read yet goes with it.
  const running = sh(`sleep 600 & echo $! > ${begun}.new; mv ${begun}.new ${begun}; wait`, abort.signal);
  await until(() => Deno.stat(begun).then(() => true, () => false), "the program to have said what it leaves");
  abort.abort();
  const { code } = await running;
  const left = Number(await Deno.readTextFile(begun));
  assert.ok(left > 1, "or kill would mean all of us");
  Deno.kill(left, "SIGKILL");
  assert.equal(code, 143);
});

Deno.test("runToEnd kills a program that ignores being asked to end", shell, async () => {
  const abort = new AbortController();
  const running = sh("trap '' TERM; while :; do sleep 1; done", abort.signal);
  setTimeout(() => abort.abort(), 100);
  assert.ok((await running).code > 128); // Deno tells the first signal, Bun the one that ended it
});
