// Every command, in the order help shows them.
import type { Command } from "./command.ts";
import { audit } from "./commands/audit.ts";
import { check } from "./commands/check.ts";
import { completions } from "./commands/completions.ts";
import { doctor } from "./commands/doctor.ts";
import { explain } from "./commands/explain.ts";
import { inspect } from "./commands/inspect.ts";
import { keys } from "./commands/keys.ts";
import { logLevel } from "./commands/log_level.ts";
import { ready } from "./commands/ready.ts";
import { reload } from "./commands/reload.ts";
import { revoke } from "./commands/revoke.ts";
import { serve } from "./commands/serve.ts";
import { sessions } from "./commands/sessions.ts";
import { status } from "./commands/status.ts";
import { stop } from "./commands/stop.ts";
import { tap } from "./commands/tap.ts";
import { token } from "./commands/token.ts";

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
