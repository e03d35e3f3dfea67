// A pipe with a name, which has somebody to write into it or has not.
import assert from "node:assert/strict";
import { systemFault } from "../../../../lib/platform/faults/system_fault.ts";
import { readTextFile } from "../../../../lib/platform/files/files.ts";
import { SYSTEM_TIMERS } from "../../../../lib/platform/time/timers.ts";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { until } from "../../../support/until.ts";

const POSIX = { ignore: Deno.build.os === "windows" };

async function namedPipe(folder: TempFolder): Promise<string> {
  const path = `${folder.path}/pipe`;
  const made = await runBounded("mkfifo", { what: "mkfifo", deadlineMs: 10_000, args: [path] });
  assert.equal(made.code, 0, made.stderr);
  return path;
}

Deno.test(
  "readTextFile gives up on a pipe into which nobody writes, and reads it when somebody does",
  POSIX,
  async () => {
    await using folder = await TempFolder.create();
    const path = await namedPipe(folder);
    const timers = new FakeTimers();
    const unheard = readTextFile(path, timers).then(() => "text", systemFault);
    await until(() => timers.pending === 1, "the pipe to be waited for");
    await timers.advance(5000);
    await until(async () => {
      await timers.advance(100);
      return await Promise.race([unheard, Promise.resolve(undefined)]) !== undefined;
    }, "the wait to be over");
    assert.equal(await unheard, "TimedOut");
    assert.equal(timers.pending, 0);
    const [text] = await Promise.all([readTextFile(path), Deno.writeTextFile(path, "ä".repeat(100_000))]);
    assert.equal(text, "ä".repeat(100_000));
  },
);

Deno.test("readTextFile gives up on a pipe whose writer does not go", POSIX, async () => {
  await using folder = await TempFolder.create();
  const path = await namedPipe(folder);
  const timers = new FakeTimers();
  const unended = readTextFile(path, timers).then(() => "text", systemFault);
  await until(() => timers.pending === 1, "the pipe to be waited for");
  using writer = await Deno.open(path, { write: true });
  await writer.write(new TextEncoder().encode("half"));
  await until(async () => {
    await timers.advance(1000);
    return await Promise.race([unended, Promise.resolve(undefined)]) !== undefined;
  }, "the wait to be over");
  assert.equal(await unended, "TimedOut");
});

Deno.test("readTextFile takes what one writer says, not what those behind it say again", POSIX, async () => {
  await using folder = await TempFolder.create();
  const path = await namedPipe(folder);
  const text = "k".repeat(44);
  await Deno.writeTextFile(`${folder.path}/text`, text);
  const again = runBounded("sh", {
    what: "a writer that comes again",
    deadlineMs: 20_000,
    args: ["-c", "while [ -e text ]; do cat text > pipe; sleep 0.003; done"],
    cwd: folder.path,
  });
  let whole = 0;
  for (let time = 0; time < 30; time++) if (await readTextFile(path).catch(() => "") === text) whole++;
  await Deno.remove(`${folder.path}/text`);
  // Whoever waits for a reader waits no more.
  using _reader = await Deno.open(path, { read: true, write: true });
  await again;
  // One that comes between two looks is there all the same, now and then.
  assert.ok(whole > 15, `${whole} of 30`);
});

Deno.test("readTextFile holds nothing up while a pipe's writer says it in small pieces", POSIX, async () => {
  await using folder = await TempFolder.create();
  const path = await namedPipe(folder);
  const written = `${folder.path}/written`;
  await Deno.writeTextFile(written, "");
  const trickle = "exec 3> pipe; for i in $(seq 300); do printf k >> written; printf k >&3; sleep 0.001; done";
  const writer = runBounded("sh", {
    what: "a writer of small pieces",
    deadlineMs: 120_000,
    args: ["-c", trickle],
    cwd: folder.path,
  });
  // How far the writer has come between two turns of everything else.
  let before = 0, longest = 0;
  const look = () => {
    const { size } = Deno.statSync(written);
    longest = Math.max(longest, size - before);
    before = size;
  };
  const looking = setInterval(look, 1);
  // With all the time there is.
  const text = await readTextFile(path, { ...SYSTEM_TIMERS, now: () => 0 });
  look();
  clearInterval(looking);
  await writer;
  assert.equal(text, "k".repeat(300));
  assert.ok(longest < 150, `${longest} pieces in one turn`);
});
