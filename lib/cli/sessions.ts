// `signet sessions`: what a running Signet has in memory. Hashes and fingerprints, never an id or a name.
import type { SessionView } from "../admin/control.ts";
import { ADMIN_FLAG } from "./admin_target.ts";
import { type Command, type CommandContext, EXIT, type ExitCode } from "./command.ts";
import { withControl } from "./open_control.ts";
import { JSON_FLAG, printJson, wantsJson } from "./output.ts";
import { formatTable, printable } from "./text.ts";
import { formatDistance, formatSpan } from "./times.ts";

/** Most that the operators' API tells in one answer. */
const LIMIT = 10_000;

const HEADINGS = ["HASH", "OWNER", "OPENED", "EXPIRES", "LAST USED", "IN FLIGHT", "PROTOCOL"];

function formatRow(session: SessionView, nowMs: number): string[] {
  return [
    printable(session.hash),
    printable(session.owner),
    formatDistance(session.issuedAtMs, nowMs),
    formatDistance(session.expiresAtMs, nowMs),
    session.inFlight > 0 ? "now" : `${formatSpan(Math.max(0, nowMs - session.lastActiveMs))} ago`,
    `${session.inFlight}`,
    printable(session.protocolVersion),
  ];
}

async function run(context: CommandContext): Promise<ExitCode> {
  const needs = { attempted: "listing sessions", liveOnly: "a state file knows no live sessions" };
  const found = await withControl(context, needs, (control) => control.listSessions({ limit: LIMIT }));
  if (found.length === LIMIT) context.stderr(`! These are the first ${LIMIT}; there may be more.\n`);
  if (wantsJson(context)) {
    for (const session of found) printJson(context, session);
    return EXIT.done;
  }
  const rows = found.map((session) => formatRow(session, context.now()));
  context.stdout(rows.length === 0 ? "there are no live sessions\n" : formatTable([HEADINGS, ...rows]));
  return EXIT.done;
}

export const sessions: Command = {
  name: "sessions",
  summary: "list the sessions that a running Signet has in memory",
  description: [
    "Idle sessions leave memory and stay valid: they are not in the list, and come back when used.",
    "OWNER is the same for all sessions of a caller under one key; HASH is what logs call a session.",
  ],
  arguments: [],
  examples: ["signet sessions", "signet sessions --admin http://signet:9090 --admin-token-file admin --json"],
  settings: ["admin", "adminTokenFile", "unsafeFiles"],
  own: [JSON_FLAG, ADMIN_FLAG],
  run,
};
