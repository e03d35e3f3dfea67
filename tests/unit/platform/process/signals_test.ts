// Signals of a process, tried on one of its own.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ChildRun } from "../../../support/mcp_process.ts";
import { STRICT } from "../../../support/strict.ts";

const SIGNALS = new URL("../../../../lib/platform/process/signals.ts", import.meta.url).href;

/** Stops hearing SIGHUP once it has heard it; ends with 7 at SIGTERM. */
const PROGRAM = `
import process from "node:process";
import { onSignal } from "${SIGNALS}";
const stop = onSignal("SIGHUP", () => {
  stop();
  console.log("heard");
});
onSignal("SIGTERM", () => process.exit(7));
setInterval(() => {}, 1000);
console.log("ready");
`;

Deno.test("P7: a signal that comes once more when nobody hears it any longer ends no process that ends by itself", {
  ...STRICT,
  ignore: Deno.build.os === "windows",
}, async () => {
  const root = fileURLToPath(new URL("../../../../", import.meta.url));
  await using run = new ChildRun({ args: ["eval", "--lock", `${root}tests/deno.lock`, PROGRAM], cwd: root });
  await run.waitForLine((line) => line === "ready" || undefined, "the program to hear signals");
  run.signal("SIGHUP");
  await run.waitForLine((line) => line === "heard" || undefined, "the program to have heard one");
  // The lower number is delivered first.
  run.signal("SIGHUP");
  run.signal("SIGTERM");
  const { code, signal } = await run.ended();
  assert.deepEqual({ code, signal }, { code: 7, signal: null }, run.lines.join("\n"));
});
