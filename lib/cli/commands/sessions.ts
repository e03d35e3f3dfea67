// `signet sessions`: what a running Signet has in memory. Hashes and fingerprints, never an id; names of callers only
// to whoever has the admin token.
import type { SessionView } from "../../admin/control.ts";
import { ownValue } from "../../config/flags.ts";
import type { Command, CommandContext, ExitCode } from "../command.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS } from "../control/admin_target.ts";
import { withControl } from "../control/open_control.ts";
import { JSON_FLAG, jsonLine, wantsJson } from "../screen/output.ts";
import { fitting, formatTable, printable } from "../screen/text.ts";
import { formatDistance, formatSpan } from "../screen/times.ts";
import { columnsOf, EVERY_FLAG, lookOrWatch, WATCH_FLAG } from "../screen/watch.ts";

/** Most that the operators' API tells in one answer. */
const LIMIT = 10_000;

type Column = readonly [heading: string, cell: (session: SessionView, nowMs: number) => string];

const HASH: Column = ["HASH", ({ hash }) => printable(hash)];
const OWNER: Column = ["OWNER", ({ owner }) => printable(owner)];
const CALLER: Column = ["CALLER", ({ caller }) => printable(caller?.subject)];
const COLUMNS: readonly Column[] = [
  ["OPENED", ({ issuedAtMs }, nowMs) => formatDistance(issuedAtMs, nowMs)],
  ["EXPIRES", ({ expiresAtMs }, nowMs) => formatDistance(expiresAtMs, nowMs)],
  [
    "LAST USED",
    ({ inFlight, lastActiveMs }, nowMs) =>
      inFlight > 0 ? "now" : `${formatSpan(Math.max(0, nowMs - lastActiveMs))} ago`,
  ],
  ["IN FLIGHT", ({ inFlight }) => `${inFlight}`],
  ["PROTOCOL", ({ protocolVersion }) => printable(protocolVersion)],
];
const LEAST_COLUMNS = 40;

function formatSessions(context: CommandContext, found: readonly SessionView[]): string {
  if (found.length === 0) return "there are no live sessions\n";
  // The last ones are left out where the terminal is too narrow: a name says more than a fingerprint.
  const named = found.some(({ caller }) => caller !== undefined);
  const columns = named ? [HASH, CALLER, ...COLUMNS, OWNER] : [HASH, OWNER, ...COLUMNS];
  const rows = [
    columns.map(([heading]) => heading),
    ...found.map((session) => columns.map(([, cell]) => cell(session, context.now()))),
  ];
  return formatTable(fitting(rows, Math.max(LEAST_COLUMNS, columnsOf(context, Infinity))));
}

async function run(context: CommandContext): Promise<ExitCode> {
  const needs = { attempted: "listing sessions", liveOnly: "a state file knows no live sessions" };
  const watching = ownValue(context.flags, WATCH_FLAG) === true;
  return await lookOrWatch(context, async () => {
    // Nobody sees more of them at once.
    const limit = watching ? Math.min(LIMIT, context.terminalSize?.()?.rows ?? LIMIT) : LIMIT;
    const { sessions: found, total } = await withControl(context, needs, (control) => control.listSessions({ limit }));
    if (wantsJson(context)) return found.map((session) => jsonLine(session)).join("");
    if (watching) return `${total === 1 ? "1 session" : `${total} sessions`}\n${formatSessions(context, found)}`;
    if (total > found.length) context.stderr(`! These are the first ${found.length} of ${total}.\n`);
    return formatSessions(context, found);
  });
}

export const sessions: Command = {
  name: "sessions",
  summary: "list the sessions that a running Signet has in memory",
  description: [
    "Idle sessions leave memory and stay valid: they are not in the list, and come back when used.",
    "OWNER is the same for all sessions of a caller under one key; HASH is what logs call a session.",
    "With the admin token callers are named, too. A narrow terminal shows fewer columns.",
  ],
  arguments: [],
  examples: [
    "signet sessions",
    "signet sessions --watch",
    "signet sessions --admin http://signet:9090 --admin-token-file admin --json",
  ],
  settings: ADMIN_SETTINGS,
  own: [WATCH_FLAG, EVERY_FLAG, JSON_FLAG, ADMIN_FLAG],
  run,
};
