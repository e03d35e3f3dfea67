// Every command, in the order help shows them.
import { audit } from "./audit.ts";
import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { completions } from "./completions.ts";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { inspect } from "./inspect.ts";
import { keys } from "./keys.ts";
import { logLevel } from "./log_level.ts";
import { ready } from "./ready.ts";
import { reload } from "./reload.ts";
import { revoke } from "./revoke.ts";
import { serve } from "./serve.ts";
import { sessions } from "./sessions.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";
import { tap } from "./tap.ts";
import { token } from "./token.ts";

export const COMMANDS: readonly Command[] = [
  serve,
  check,
  doctor,
  keys,
  token,
  status,
  sessions,
  tap,
  revoke,
  inspect,
  audit,
  ready,
  reload,
  logLevel,
  stop,
  explain,
  completions,
];
