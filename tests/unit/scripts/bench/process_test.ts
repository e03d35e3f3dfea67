// scripts/bench/process.ts: a run that is ended leaves nothing behind.
import { killDescendants } from "../../../../scripts/bench/process.ts";
import { endOverdue } from "../../../support/overdue.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

/** Where there is a /proc, as wherever there is a bench. */
const OPTIONS = { ...STRICT, ignore: Deno.build.os !== "linux" };

Deno.test("what a process has started is ended, though it is stopped", OPTIONS, async () => {
  const command = new Deno.Command("bash", {
    args: ["-c", "sleep 30 & kill -STOP $!; echo $!; wait; read"],
    stdin: "piped",
    stdout: "piped",
  });
  const child = command.spawn();
  endOverdue(child, "a shell", 60_000);
  try {
    const reader = child.stdout.getReader();
    const pid = Number(new TextDecoder().decode((await reader.read()).value));
    await reader.cancel();
    await until(() => stateOf(pid) === "T", "it to be stopped");
    await killDescendants(child.pid);
    await until(() => /Z|gone/.test(stateOf(pid)), "the stopped one to have ended");
  } finally {
    await child.stdin.close();
    await child.status;
  }
});

/** As in /proc: T is stopped, Z has ended. */
function stateOf(pid: number): string {
  try {
    return /^State:\s+(\S)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? "gone";
  } catch {
    return "gone";
  }
}
