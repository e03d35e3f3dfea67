// `signet revoke`: ends sessions before their time (docs/behaviour.md L6): one, a principal's, or everything before a
// moment. On a running Signet it is in force, and streams are cut, when the command returns; over a state file within
// a second.
import type { RevocationRequest } from "../../admin/control.ts";
import { type OwnFlag, ownValue, type ParsedFlags } from "../../config/flags.ts";
import { boolean, type Kind, string } from "../../config/values/kinds.ts";
import { moment } from "../../config/values/quantities.ts";
import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG } from "../control/admin_target.ts";
import { CONTROL_SETTINGS, type ControlNeeds, withControl } from "../control/open_control.ts";
import { JSON_FLAG, printJson, printNote, wantsJson } from "../screen/output.ts";
import { readWord } from "../words.ts";
import { noteOf } from "./revocation_note.ts";
import { sessionHash } from "./session_hash.ts";

/** May be blank: credentials that name no client. */
const clientId: Kind<string> = { metavar: "TEXT", parse: (text) => ({ value: text }), format: (value) => value };

const HASH_FLAG: OwnFlag<string> = { name: "hash", doc: "A live session, by its hash in the log", kind: sessionHash };
const ISSUER_FLAG: OwnFlag<string> = {
  name: "issuer",
  doc:
    "With --subject: every session of that principal; the iss of its tokens, or signet:token, signet:header and so on",
  kind: string,
};
const SUBJECT_FLAG: OwnFlag<string> = {
  name: "subject",
  doc: "The sub of its tokens, or the agent's name",
  kind: string,
};
const CLIENT_FLAG: OwnFlag<string> = {
  name: "client-id",
  doc: "Its OAuth client, wanted with --bind-client-id; blank for credentials that name none",
  kind: clientId,
};
const BEFORE_FLAG: OwnFlag<number> = {
  name: "before",
  doc: "Every session opened until then, of that principal if there is one; as 2026-08-01T12:00:00Z",
  kind: moment,
};
const ALL_FLAG: OwnFlag<boolean> = {
  name: "all",
  doc: "Every session there is; everybody starts anew",
  kind: boolean,
  isFlag: true,
};

const USAGE = "`signet revoke --help` shows what can be said.";

/** What the flags ask for; a session's id is still to be read. @throws ConfigError */
function readRequest(flags: ParsedFlags): RevocationRequest | "id" {
  const hash = ownValue(flags, HASH_FLAG);
  const issuer = ownValue(flags, ISSUER_FLAG);
  const subject = ownValue(flags, SUBJECT_FLAG);
  const client = ownValue(flags, CLIENT_FLAG);
  const beforeMs = ownValue(flags, BEFORE_FLAG);
  const problems: ConfigProblem[] = [];
  const ofPrincipal = issuer !== undefined || subject !== undefined || client !== undefined;
  if (ofPrincipal) {
    for (const [flag, value] of [[ISSUER_FLAG, issuer], [SUBJECT_FLAG, subject]] as const) {
      if (value !== undefined) continue;
      const remedy = "A principal is its issuer and its subject: add both.";
      problems.push({ place: `--${flag.name}`, problem: "half a principal is named", remedy });
    }
  }
  const asked: (RevocationRequest | "id")[] = [];
  if (flags.positionals.length > 0) asked.push("id");
  if (hash !== undefined) asked.push({ kind: "hash", hash });
  if (ownValue(flags, ALL_FLAG)) asked.push({ kind: "all" });
  if (ofPrincipal) {
    asked.push({
      ...{ kind: "principal", issuer: issuer ?? "", subject: subject ?? "" },
      ...(client === undefined ? {} : { clientId: client }),
      ...(beforeMs === undefined ? {} : { beforeMs }),
    });
  } else if (beforeMs !== undefined) {
    asked.push({ kind: "before", beforeMs });
  }
  const [request] = asked;
  if (request === undefined) {
    const remedy = "Name a session (ID, - or --hash), a principal (--issuer and --subject), --before TIME, or --all.";
    problems.push({ place: "signet revoke", problem: "it is not said what to revoke", remedy });
  } else if (asked.length > 1) {
    problems.push({ place: "signet revoke", problem: "more than one thing is named", remedy: `Name one. ${USAGE}` });
  }
  if (problems.length > 0 || request === undefined) throw new ConfigError(problems);
  return request;
}

function needsOf(request: RevocationRequest): ControlNeeds {
  const attempted = "revoking";
  if (request.kind === "hash") return { attempted, liveOnly: "a state file knows no live session by its hash" };
  return { attempted, keys: request.kind === "session" || request.kind === "principal" };
}

async function run(context: CommandContext): Promise<ExitCode> {
  const asked = readRequest(context.flags);
  const request: RevocationRequest = asked === "id"
    ? { kind: "session", id: await readWord(context, 0, { what: "session id", command: "signet revoke" }) }
    : asked;
  const ended = await withControl(context, needsOf(request), async (control, live) => {
    const result = await control.revoke(request);
    return live ? result.ended : undefined;
  });
  if (wantsJson(context)) printJson(context, { ended: ended ?? null });
  else context.stdout(`revoked; ${describeEnded(ended)}\n`);
  const note = noteOf(request, ended);
  if (note !== undefined) printNote(context, note);
  return EXIT.done;
}

function describeEnded(ended: number | undefined): string {
  if (ended === undefined) return "written to the state file";
  if (ended === 0) return "no live session was among them";
  return `${ended === 1 ? "1 live session" : `${ended} live sessions`} ended at once`;
}

export const revoke: Command = {
  name: "revoke",
  summary: "end sessions early: one, a principal's, or all until a moment",
  description: [
    "On the state file that --state names or the configuration has, else on the Signet at --admin.",
    "There it is in force and open streams are cut when the command returns; ended, in JSON, counts the",
    "live sessions. On a state file it is in force for good, at a Signet that runs on it within a second,",
    "and ended is null: how many end only the running one knows. For ids and principals on a state file,",
    "give the --config of that Signet: its keys and --bind-client-id count. Where there is no state file,",
    "a restart forgets what was revoked. Exit code 1 if there is no such session. Where nobody live is",
    "meant, a line on standard error says so; the exit code is 0, as it is in force for what comes back.",
    "- reads the id from standard input, where no process list shows it.",
  ],
  arguments: [{ name: "ID", optional: true }],
  examples: [
    "pbpaste | signet revoke - --admin 127.0.0.1:9090",
    "signet revoke --hash 3f9a1c0b77de --admin http://signet:9090 --admin-token-file admin",
    "signet revoke --issuer https://auth.example --subject alice --config signet.yaml",
    "signet revoke --before 2026-08-01T12:00:00Z --state signet.db",
    "signet revoke --all",
  ],
  settings: [...CONTROL_SETTINGS, "keyFile", "bindClientId", "maxIdLength"],
  own: [HASH_FLAG, ISSUER_FLAG, SUBJECT_FLAG, CLIENT_FLAG, BEFORE_FLAG, ALL_FLAG, JSON_FLAG, ADMIN_FLAG],
  run,
};
