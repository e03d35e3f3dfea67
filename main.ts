// argv → command → exit code, nothing else.
import { thisMachine } from "./lib/cli/machine.ts";
import { run } from "./lib/cli/run.ts";

// The gateway is loaded by `signet serve` only: every other command answers without it.
Deno.exit(await run(Deno.args, thisMachine(() => import("./lib/app/app.ts"))));
