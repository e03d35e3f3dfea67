// An MCP server that is a program: how it is started, once a session, and what it gets (B1, B7, M1).
// Who its processes are for and how long they live follow from the session.
import { rowsOf } from "../setting.ts";
import { string, word } from "../values/kinds.ts";
import { duration, integer, size } from "../values/quantities.ts";
import { DAY, GIB, KIB, MIB, MINUTE, SECOND, upTo } from "../values/units.ts";
import { namedFile, variable, variableName } from "../values/variables.ts";

const rows = rowsOf("Stdio servers");

/** The largest number that is a user's or a group's: one more means "unchanged". */
const ids = integer({ min: 0, max: 2 ** 32 - 2 });

export const STDIO = {
  command: rows.words(word, {
    name: "command",
    doc:
      "A stdio MCP server to start for each session, in place of --upstream: behind -- or, in the file, a list `command: [npx, -y, …]`; never from the environment",
  }),
  stdioDir: rows.optional({ ...string, metavar: "DIR" }, {
    name: "stdio-dir",
    doc: "Its working directory; by default Signet's own",
  }),
  stdioInherit: rows.many(variableName, {
    name: "stdio-inherit",
    doc: "A variable of Signet's environment it gets too, besides PATH, HOME, USER, LANG and such",
  }),
  stdioVariables: rows.many(variable, {
    name: "stdio-env",
    doc:
      "A variable it gets; several in one value stand on lines of their own. No place for secrets: see --stdio-secret",
  }),
  stdioSecrets: rows.many(namedFile, {
    name: "stdio-secret",
    doc: "A variable it gets whose value is alone in a file, so that no command line shows it",
  }),
  stdioUser: rows.optional(ids, {
    name: "stdio-uid",
    doc: "User id it runs as; Signet must be allowed to change to it",
  }),
  stdioGroup: rows.optional(ids, { name: "stdio-gid", doc: "Group id it runs as" }),
  maxProcesses: rows.one(integer({ min: 1, max: 100_000 }), {
    name: "max-processes",
    default: 100,
    doc: "Server processes at a time; beyond it 503",
  }),
  maxProcessesPerPrincipal: rows.one(integer({ min: 1, max: 100_000 }), {
    name: "max-processes-per-principal",
    default: 10,
    doc:
      "Server processes of one caller at a time; beyond it 429. Where all callers are anonymous there is no such bound",
  }),
  stdioMemoryBytes: rows.optional(size({ min: MIB, max: 1024 * GIB }), {
    name: "stdio-max-memory",
    doc: "Address space of each process; programs on V8 (node, deno) reserve many GiB they never use",
  }),
  stdioCpuMs: rows.optional(duration({ min: SECOND, max: 365 * DAY }), {
    name: "stdio-max-cpu",
    doc: "Time on a CPU each process may use up, whole seconds; then the kernel ends it",
  }),
  stdioOpenFiles: rows.optional(integer({ min: 8, max: 1_048_576 }), {
    name: "stdio-max-files",
    doc: "Files and sockets each process may have open",
  }),
  stdioUserProcesses: rows.optional(integer({ min: 1, max: 4_194_304 }), {
    name: "stdio-max-tasks",
    doc: "Processes and threads the user of --stdio-uid may have, those of all sessions together",
  }),
  stdioStartTimeoutMs: rows.one(upTo(DAY), {
    name: "stdio-start-timeout",
    default: 60 * SECOND,
    doc: "For a process to start and answer initialize; npx and uvx may have to download first",
  }),
  stdioMaxLineBytes: rows.one(size({ min: 4 * KIB, max: GIB }), {
    name: "stdio-max-line",
    default: 16 * MIB,
    doc: "Longest message it may write; an answer that is longer is an error of its call",
  }),
  stdioStopGraceMs: rows.one(upTo(10 * MINUTE), {
    name: "stdio-stop-grace",
    default: 5 * SECOND,
    doc: "Between SIGTERM and SIGKILL, when a process has to end",
  }),
} as const;
