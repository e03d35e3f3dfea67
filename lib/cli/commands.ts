// Every command, in the order help shows them.
import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { completions } from "./completions.ts";
import { inspect } from "./inspect.ts";
import { keys } from "./keys.ts";
import { ready } from "./ready.ts";
import { serve } from "./serve.ts";

export const COMMANDS: readonly Command[] = [serve, check, keys, inspect, ready, completions];
