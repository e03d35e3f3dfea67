// argv → command → exit code, nothing else.
import process from "node:process";
import { thisMachine } from "./lib/cli/machine.ts";
import { run } from "./lib/cli/run.ts";

// The gateway is loaded by `signet serve` only: every other command answers without it.
process.exit(await run(process.argv.slice(2), thisMachine(() => import("./lib/app/app.ts"))));
