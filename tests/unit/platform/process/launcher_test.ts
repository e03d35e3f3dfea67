// Whoever started this program, found in a folder that stands for /proc (docs/behaviour.md P7).
import assert from "node:assert/strict";
import { onLauncherGone } from "../../../../lib/platform/process/launcher.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { until } from "../../../support/until.ts";

const BY_NPM = { npm_command: "exec" };
const NPM = 77_001;

async function addProcess(folder: string, pid: number, { parent, command }: { parent: number; command: string }) {
  await Deno.mkdir(`${folder}/${pid}`);
  await Deno.writeTextFile(`${folder}/${pid}/stat`, `${pid} (a (b) c) S ${parent} ${pid}${" 0".repeat(16)} 5000 0`);
  await Deno.writeTextFile(`${folder}/${pid}/cmdline`, command);
}

/** A /proc whose `self` is `self`, started by `npm exec`, that by nobody. */
async function procOf(folder: string, self: number): Promise<void> {
  await addProcess(folder, self, { parent: NPM, command: "signet\0serve" });
  await addProcess(folder, NPM, { parent: 1, command: "npm\0exec\0signet" });
  await addProcess(folder, Deno.ppid, { parent: NPM, command: "npm\0exec\0signet" });
  await Deno.symlink(String(self), `${folder}/self`);
}

Deno.test("P7: the end of a launcher is told once", STRICT, async () => {
  await using folder = await TempFolder.create();
  await procOf(folder.path, Deno.pid);
  let told = 0;
  onLauncherGone(BY_NPM, () => told++, folder.path);
  await Deno.remove(`${folder.path}/${NPM}`, { recursive: true });
  await until(() => told > 0, "word of the launcher's end");
  assert.equal(told, 1);
});

// Nobody stops looking in these: were anybody watched, the test would leave a timer behind, and fail.

Deno.test("P7: nobody is watched in a /proc of another process namespace", STRICT, async () => {
  await using folder = await TempFolder.create();
  await procOf(folder.path, Deno.pid + 1);
  onLauncherGone(BY_NPM, () => assert.fail("nobody is watched"), folder.path);
});

Deno.test("P7: nobody is watched without a /proc, or by a program that no launcher started", STRICT, async () => {
  await using folder = await TempFolder.create();
  onLauncherGone(BY_NPM, () => assert.fail("there is no /proc"), folder.path);
  await procOf(folder.path, Deno.pid);
  onLauncherGone({}, () => assert.fail("nobody launched it"), folder.path);
});
