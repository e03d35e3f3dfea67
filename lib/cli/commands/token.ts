// `signet token issue | verify | revoke | list`: Signet's own session tokens (docs/behaviour.md T1–T3), on a state file
// or by way of a running Signet. A token is shown once, when it is issued, and never on a command line if it is to stay
// secret.
import type { Control, TokenView } from "../../admin/control.ts";
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import type { SettingKey } from "../../config/schema.ts";
import { string } from "../../config/values/kinds.ts";
import { duration } from "../../config/values/quantities.ts";
import { DAY, HOUR, SECOND } from "../../config/values/units.ts";
import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { escapeUnsafe } from "../../observe/escape.ts";
import { type Argument, type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG } from "../control/admin_target.ts";
import { CONTROL_SETTINGS, withControl } from "../control/open_control.ts";
import { JSON_FLAG, printJson, wantsJson } from "../screen/output.ts";
import { formatTable, printable } from "../screen/text.ts";
import { formatDistance, formatTime } from "../screen/times.ts";
import { readWord } from "../words.ts";

const AGENT_FLAG: OwnFlag<string> = { name: "agent", doc: "Whom the token names; whose tokens", kind: string };
const TTL_FLAG: OwnFlag<number> = {
  name: "ttl",
  doc: "How long an issued token lives [1h]",
  kind: duration({ min: SECOND, max: 3650 * DAY }),
};
const DEFAULT_TTL_MS = HOUR;
/** Tokens listed in one go. */
const PAGE = 1_000;

const ACTIONS = ["issue", "verify", "revoke", "list"] as const;
type Action = typeof ACTIONS[number];

/** Why a token does not hold, for people: the steps of T2. */
const STEPS: Readonly<Record<string, string>> = {
  form: "it has not the form of a token",
  mac: "it was not signed with these secrets",
  payload: "what was signed is no token",
  agent: "it names another agent",
  expired: "it has expired",
  unknown: "it was revoked, or issued into another state file",
  record: "it is not the token that was recorded",
};

/** Words that an action has no use for, and what it misses. */
function judge({ flags }: CommandContext, action: Action): void {
  const problems: ConfigProblem[] = [];
  const hasWord = flags.positionals.length > 1;
  const hasAgent = ownValue(flags, AGENT_FLAG) !== undefined;
  const place = `signet token ${action}`;
  if (action === "issue" && !hasAgent) {
    problems.push({ place: "--agent", problem: "it is not said whom the token is for", remedy: "Add --agent NAME." });
  }
  if (action === "verify" && !hasWord) {
    problems.push({
      place,
      problem: "TOKEN is missing",
      remedy: `Write \`${place} -\`, and give it on standard input.`,
    });
  }
  if (action === "revoke" && hasWord === hasAgent) {
    const problem = hasWord ? "there are both a token and an agent" : "it is not said which token";
    problems.push({ place, problem, remedy: `Write \`${place} SID\`, \`${place} -\` or \`${place} --agent NAME\`.` });
  }
  if ((action === "issue" || action === "list") && hasWord) {
    problems.push({ place, problem: "one word too many", remedy: "`signet token --help` shows the usage." });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function formatFacts({ sid, agent, expiresAtS }: TokenView, nowMs: number): string {
  return formatTable([
    ["sid", printable(sid)],
    ["agent", printable(agent)],
    ["expires", formatTime(expiresAtS * 1000, nowMs)],
  ]);
}

async function issue(context: CommandContext): Promise<ExitCode> {
  const agent = ownValue(context.flags, AGENT_FLAG)!;
  const ttlMs = ownValue(context.flags, TTL_FLAG) ?? DEFAULT_TTL_MS;
  const needs = { attempted: "issuing a token", tokenSecrets: true, makesFile: true };
  const issued = await withControl(context, needs, (control) => control.issueToken({ agent, ttlMs }));
  if (ownValue(context.flags, JSON_FLAG)) printJson(context, issued);
  // Alone, so that it can be put where it is wanted.
  else context.stdout(`${printable(issued.token)}\n`);
  if (context.stdoutIsTerminal) context.stderr(formatFacts(issued, context.now()));
  return EXIT.done;
}

async function verify(context: CommandContext): Promise<ExitCode> {
  const token = await readWord(context, 1, { what: "token", command: "signet token verify" });
  const agent = ownValue(context.flags, AGENT_FLAG);
  const needs = { attempted: "verifying a token", tokenSecrets: true };
  const verdict = await withControl(
    context,
    needs,
    (control) => control.verifyToken(agent === undefined ? { token } : { token, agent }),
  );
  if (wantsJson(context)) printJson(context, verdict);
  else if (verdict.ok) context.stdout(formatFacts(verdict.token, context.now()));
  else context.stdout(`the token does not hold: ${STEPS[verdict.step] ?? printable(verdict.step)}\n`);
  return verdict.ok ? EXIT.done : EXIT.failedCheck;
}

async function revoke(context: CommandContext): Promise<ExitCode> {
  const agent = ownValue(context.flags, AGENT_FLAG);
  const attempted = "revoking tokens";
  let revoked: number;
  let none: string;
  if (agent !== undefined) {
    revoked = await withControl(context, { attempted }, (control) => control.revokeAgent(agent));
    none = `none for agent ${escapeUnsafe(JSON.stringify(agent))} holds now`;
  } else {
    const word = await readWord(context, 1, { what: "token", command: "signet token revoke" });
    // A sid is base64url; a token has two parts.
    const request = word.includes(".") ? { token: word } : { sid: word };
    const needs = { attempted, tokenSecrets: "token" in request };
    revoked = await withControl(context, needs, (control) => control.revokeToken(request)) ? 1 : 0;
    // What was read may be a secret, or a slip.
    none = "token" in request ? "this one holds no more, or was never issued here" : "none with this SID holds now";
  }
  if (wantsJson(context)) printJson(context, { revoked });
  else context.stdout(revoked === 0 ? "there was none to revoke\n" : `revoked ${count(revoked)}\n`);
  // Apart, so that a script reads the count alone: it may be a slip of the pen.
  if (revoked === 0) {
    context.stderr(
      `! No token was revoked: ${none}. What was issued here, and to whom, \`signet token list\` shows.\n`,
    );
  }
  return EXIT.done;
}

function count(tokens: number): string {
  return tokens === 1 ? "1 token" : `${tokens} tokens`;
}

async function list(context: CommandContext): Promise<ExitCode> {
  const agent = ownValue(context.flags, AGENT_FLAG);
  const found = await withControl(context, { attempted: "listing tokens" }, (control) => listAll(control, agent));
  if (wantsJson(context)) {
    for (const token of found) printJson(context, token);
    return EXIT.done;
  }
  const rows = found.map(({ sid, agent, expiresAtS }) => [
    ...[printable(sid), formatDistance(expiresAtS * 1000, context.now()), printable(agent)],
  ]);
  context.stdout(
    rows.length === 0 ? "there are no live tokens\n" : formatTable([["SID", "EXPIRES", "AGENT"], ...rows]),
  );
  return EXIT.done;
}

async function listAll(control: Control, agent: string | undefined): Promise<readonly TokenView[]> {
  const all: TokenView[] = [];
  while (true) {
    const afterSid = all.at(-1)?.sid;
    const page = await control.listTokens({
      ...(agent === undefined ? {} : { agent }),
      ...(afterSid === undefined ? {} : { afterSid }),
      limit: PAGE,
    });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

const RUN: Readonly<Record<Action, (context: CommandContext) => Promise<ExitCode>>> = { issue, verify, revoke, list };

async function run(context: CommandContext): Promise<ExitCode> {
  const action = ACTIONS.find((name) => name === context.flags.positionals[0]);
  if (action === undefined) throw new TypeError("running `signet token`: found an action it does not know");
  judge(context, action);
  return await RUN[action](context);
}

const TOKEN_SETTINGS: readonly SettingKey[] = [...CONTROL_SETTINGS, "tokenSecretFile"];
const TOKEN_FLAGS: readonly OwnFlag[] = [AGENT_FLAG, JSON_FLAG, ADMIN_FLAG];
const ISSUING_SETTINGS: readonly SettingKey[] = [...TOKEN_SETTINGS, "maxTokensPerAgent"];
const ISSUING_FLAGS: readonly OwnFlag[] = [TTL_FLAG, ...TOKEN_FLAGS];
const TOKEN_WORD: Argument = { name: "TOKEN", optional: true };

export const token: Command = {
  name: "token",
  summary: "issue, verify, revoke or list Signet's own session tokens",
  description: [
    "On the state file that --state names or the configuration has, else on the Signet at --admin.",
    "A state file can be used while a Signet runs on it; what was revoked counts from the next request",
    "on. issue prints the token alone. verify exits 0 if it holds and 1 if not. Where revoke finds none,",
    "a line on standard error says so; the exit code is 0, as there is none. - reads the token, or the",
    "SID of one to revoke, from standard input, where no process list shows it.",
  ],
  arguments: [{ name: "ACTION", choices: ACTIONS }, TOKEN_WORD],
  examples: [
    "signet token issue --agent did:example:a --ttl 1h --config signet.yaml",
    "signet token issue --agent did:example:a --state signet.db --token-secret-file token.secrets",
    "pbpaste | signet token verify - --admin 127.0.0.1:9090",
    "signet token revoke --agent did:example:a --admin http://signet:9090 --admin-token-file admin",
    "signet token list --state signet.db",
  ],
  settings: ISSUING_SETTINGS,
  own: ISSUING_FLAGS,
  actions: {
    issue: { arguments: [], settings: ISSUING_SETTINGS, own: ISSUING_FLAGS },
    verify: { arguments: [{ name: "TOKEN" }], settings: TOKEN_SETTINGS, own: TOKEN_FLAGS },
    revoke: { arguments: [{ name: "TOKEN|SID", optional: true }], settings: TOKEN_SETTINGS, own: TOKEN_FLAGS },
    list: { arguments: [], settings: CONTROL_SETTINGS, own: TOKEN_FLAGS },
  },
  run,
};
