// `signet check --as CLAIMS.json --call NAME`: what the rules of a configuration make of one call by one caller, and why
// (docs/behaviour.md G4). Starts nothing, sends nothing, verifies nothing: the claims are taken at their word. What of them
// a clock alone refuses is said besides.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import type { Settings } from "../../config/schema.ts";
import { parsePattern, whyNever } from "../../config/values/access_rule.ts";
import { file, string } from "../../config/values/kinds.ts";
import { claimAt, clientOf, scopesOf } from "../../identity/claims.ts";
import { shownTime } from "../../identity/identifications.ts";
import type { Principal } from "../../identity/principal.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { type JsonObject, parseObject } from "../../platform/json.ts";
import { readArguments } from "../../policy/arguments.ts";
import { hintsOf } from "../../policy/hints.ts";
import type { Step } from "../../policy/policy.ts";
import { JUDGED_BY_NAME, type Subject } from "../../policy/subject.ts";
import type { Known, Verdict } from "../../policy/verdict.ts";
import { type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { readOwnFile } from "../own_file.ts";
import { printNote } from "../screen/output.ts";
import { printable } from "../screen/text.ts";

const AS: OwnFlag<string> = {
  name: "as",
  doc: "A token's claims in a file, as JSON, or the token itself, unverified: whose calls are judged, with --call",
  kind: file,
};
const CALL: OwnFlag<string> = {
  name: "call",
  doc: "A tool, or prompt:NAME, resource:URI, method:NAME: what the rules make of it",
  kind: string,
};
const ARGUMENTS: OwnFlag<string> = {
  name: "arguments",
  doc: "Arguments of that call, as JSON",
  kind: string,
};
const SAYS: OwnFlag<string> = {
  name: "annotations",
  doc: 'What the server says of the tool, as JSON: {"readOnlyHint": true}',
  kind: string,
};

export const CALL_FLAGS: readonly OwnFlag[] = [AS, CALL, ARGUMENTS, SAYS];

const CLAIMS = '{"sub": "alice", "scope": "db:read"}';
const METHOD_OF = { tool: "tools/call", prompt: "prompts/get", resource: "resources/read" } as const;

/** Whether a call was asked about. */
export function asksAboutCall({ flags }: CommandContext): boolean {
  return CALL_FLAGS.some((flag) => ownValue(flags, flag) !== undefined);
}

/** @throws CommandFailure */
export async function checkCall(context: CommandContext, settings: Settings): Promise<ExitCode> {
  const { flags } = context;
  const call = ownValue(flags, CALL);
  if (call === undefined) {
    throw new CommandFailure(EXIT.usage, "there is no call to judge", "Add --call NAME.");
  }
  const [{ createRulesAndRates }, { keptOut }] = await Promise.all([
    import("../../app/parts/rules_and_rates.ts"),
    import("./check_reach.ts"),
  ]);
  const { policy } = await createRulesAndRates(settings);
  const principal = await principalOf(context, settings);
  const untimely = whyNotNow(principal.claims ?? {}, { nowMs: context.now(), skewMs: settings.jwtClockSkewMs });
  if (untimely !== undefined) printNote(context, `${untimely}: it is refused whatever the rules say.`);
  const subject = subjectOf(call);
  const scopes = ownValue(flags, AS) === undefined ? undefined : principal.scopes;
  const kept = keptOut(settings, { subject, scopes });
  if (kept !== undefined) {
    context.stdout(
      `${printable(`  ${principal.subject} may not have ${nameOf(subject)}.`)}\n${printable(`    ${kept}`)}\n`,
    );
    return EXIT.failedCheck;
  }
  if (policy === undefined) {
    context.stdout("  There are no rules: every caller may call what the servers have.\n");
    return EXIT.done;
  }
  const { verdict, steps } = policy.explain(principal, subject, knownOf(context));
  for (const line of explained({ principal, subject, verdict, steps })) context.stdout(`${printable(line)}\n`);
  return verdict.ruling === "allowed" ? EXIT.done : EXIT.failedCheck;
}

function nameOf({ kind, name }: Subject): string {
  return kind === "method" ? name : `${kind} ${name}`;
}

function subjectOf(call: string): Subject {
  const { kind, pattern: name } = parsePattern(call);
  if (kind === "method" && JUDGED_BY_NAME.includes(name)) {
    const remedy = "Write --call TOOL, --call prompt:NAME or --call resource:URI.";
    throw new CommandFailure(EXIT.usage, `${name} is judged by what it names`, remedy);
  }
  // As in a rule: what was meant is another kind.
  const never = whyNever(call);
  if (never !== undefined) throw new CommandFailure(EXIT.usage, never.problem, never.remedy);
  return { kind, name, method: kind === "method" ? name : METHOD_OF[kind] };
}

function knownOf({ flags }: CommandContext): Known {
  const says = ownValue(flags, SAYS);
  const args = readObject(ownValue(flags, ARGUMENTS) ?? "{}", "--arguments");
  const message = encodeJson({ params: { arguments: args } });
  return {
    hints: says === undefined ? undefined : hintsOf(readObject(says, "--annotations")),
    args: (wanted) => readArguments(message, wanted),
  };
}

function readObject(text: string, what: string, such = '{"limit": 10}'): JsonObject {
  const value = parseObject(text);
  if (value !== undefined) return value;
  throw new CommandFailure(EXIT.usage, `${what} is no JSON object`, `Write one, such as ${such}.`);
}

/** Nobody in particular where no claims are given. */
async function principalOf(context: CommandContext, settings: Settings): Promise<Principal> {
  const path = ownValue(context.flags, AS);
  const claims = path === undefined
    ? { sub: "somebody" }
    : claimsIn(await readOwnFile(context, { path, flag: AS.name }));
  const issuer = typeof claims.iss === "string" ? claims.iss : settings.jwtIssuer ?? "";
  const provider = settings.jwtProviders.find((provider) => provider.issuer === issuer);
  const subject = claimAt(claims, provider?.subjectClaim ?? settings.jwtSubjectClaim);
  const client = clientOf(claims);
  return {
    source: "check",
    issuer,
    subject: typeof subject === "string" ? subject : "(no subject)",
    ...(typeof client === "string" ? { clientId: client } : {}),
    scopes: scopesOf(claims, provider?.scopeClaims ?? settings.jwtScopeClaims),
    claims,
    expiresAtMs: Infinity,
  };
}

/** As a token's source compares, in whole seconds. */
function whyNotNow(
  { exp, nbf }: JsonObject,
  { nowMs, skewMs }: { readonly nowMs: number; readonly skewMs: number },
): string | undefined {
  const [nowS, skewS] = [Math.floor(nowMs / 1000), skewMs / 1000];
  if (typeof exp === "number" && exp <= nowS - skewS) return `The token has expired (exp ${shownTime(exp)})`;
  if (typeof nbf === "number" && nbf > nowS + skewS) return `The token is not valid yet (nbf ${shownTime(nbf)})`;
  return undefined;
}

/** Of a file that holds claims, or a token. */
function claimsIn(text: string): JsonObject {
  const [, payload] = /^\s*[\w-]+\.([\w-]+)\.[\w-]*\s*$/.exec(text) ?? [];
  if (payload === undefined) return readObject(text, "the file of --as", CLAIMS);
  return readObject(decodedPayload(payload), "the token of --as", CLAIMS);
}

/** Empty for what is no base64url: then it is no JSON either. */
function decodedPayload(payload: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" }));
  } catch {
    return "";
  }
}

interface Explaining {
  readonly principal: Principal;
  readonly subject: Subject;
  readonly verdict: Verdict;
  readonly steps: readonly Step[];
}

function explained({ principal, subject, verdict, steps }: Explaining): string[] {
  const what = nameOf(subject);
  const who = principal.subject;
  const asked = steps.map(({ rule, why }) => `    ${rule}: ${why}`);
  const otherwise = verdict.ruling === "denied" && verdict.rule === undefined ? ["    no other rule speaks of it"] : [];
  return [`  ${headline({ who, what, verdict })}`, ...asked, ...otherwise];
}

function headline(
  { who, what, verdict }: { readonly who: string; readonly what: string; readonly verdict: Verdict },
): string {
  switch (verdict.ruling) {
    case "allowed":
      return `${who} may have ${what}.`;
    case "denied":
      return `${who} may not have ${what}: it is as good as not there.`;
    case "arguments":
      return `${who} sees ${what}, and may not call it with these arguments.`;
    case "scope":
      return `${who} may have ${what} with more scopes: ${verdict.scopes.join(" ")}.`;
    case "unknown":
      return `Whether ${who} may have ${what} depends on what the server says of it: give --annotations.`;
  }
}
