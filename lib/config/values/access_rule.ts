// One rule of who may see and call what, as one value (docs/behaviour.md G4): a mapping in a file, JSON elsewhere. Its
// condition is compiled when all settings are read: see access_rules.ts.
import { ASKED_BY_SERVERS, JUDGED_BY_NAME, SUBJECT_KINDS, type SubjectKind } from "../../policy/subject.ts";
import { type Kind, type Parsed, quoted, scope, unfit } from "./kinds.ts";
import { type Members, readValues } from "./mappings.ts";
import { formatFrequency, parseFrequency } from "./rate.ts";

export interface AccessRule {
  readonly name: string | undefined;
  readonly effect: "allow" | "deny";
  readonly patterns: readonly { readonly kind: SubjectKind; readonly pattern: string }[];
  readonly scopes: readonly string[];
  /** A CEL expression, not compiled yet. */
  readonly when: string | undefined;
  /** How often a caller may do what it allows. */
  readonly rate: { readonly amount: number; readonly windowMs: number; readonly burst: number } | undefined;
}

const ONCE = new Set(["name", "when", "rate", "burst"]);
const MANY = new Set(["allow", "deny", "scopes"]);
const FORM = "Write allow or deny with patterns of names, and of name, when, scopes, rate and burst what is needed: " +
  String.raw`{"allow": ["get_*", "prompt:*"], "when": "\"ops\" in principal.claims.groups"}.`;
const LONGEST_PATTERN = 1024;

/** `get_*` is of tools, `prompt:daily`, `resource:file:///*` and `method:logging/*` of what they say. */
export function parsePattern(text: string): { readonly kind: SubjectKind; readonly pattern: string } {
  const colon = text.indexOf(":");
  const kind = text.slice(0, Math.max(0, colon));
  return isKind(kind) ? { kind, pattern: text.slice(colon + 1) } : { kind: "tool", pattern: text };
}

function isKind(text: string): text is SubjectKind {
  return (SUBJECT_KINDS as readonly string[]).includes(text);
}

function formatPattern({ kind, pattern }: { readonly kind: SubjectKind; readonly pattern: string }): string {
  return kind === "tool" && parsePattern(pattern).kind === "tool" ? pattern : `${kind}:${pattern}`;
}

function parse(text: string): Parsed<AccessRule> {
  const read = readValues(text);
  if (typeof read === "string") return unfit(read, FORM);
  for (const [name, values] of read) {
    if (!ONCE.has(name) && !MANY.has(name)) return unfit(`${quoted(name)} says nothing in a rule`, FORM);
    if (ONCE.has(name) && values.length !== 1) return unfit(`${name} is given ${values.length} times`, "Give it once.");
  }
  if (read.has("allow") === read.has("deny")) {
    return unfit(read.has("allow") ? "it allows and denies at once" : "it neither allows nor denies", FORM);
  }
  const effect = read.has("allow") ? "allow" : "deny";
  const patterns = read.get(effect)!;
  const odd = patterns.find((pattern) => pattern === "" || pattern.length > LONGEST_PATTERN);
  if (patterns.length === 0 || odd !== undefined) {
    return unfit(`${effect} names nothing, or something too long`, "Name what it is about: `*` is every tool.");
  }
  for (const pattern of patterns) {
    const never = whyNever(pattern);
    if (never !== undefined) return never;
  }
  return withConditions(read, { effect, patterns: patterns.map(parsePattern) });
}

/** What its author has in mind, and no name that is judged: a rule that denies it would deny nothing, and look as if it did. */
export function whyNever(text: string): { readonly problem: string; readonly remedy: string } | undefined {
  const { kind, pattern } = parsePattern(text);
  if (kind === "method" && JUDGED_BY_NAME.includes(pattern)) {
    return unfit(
      `${pattern} is judged by what it names, and never as a method`,
      'Name that: "*" is every tool, "prompt:*" every prompt, "resource:*" every resource; `method` in when tells by which.',
    );
  }
  if (kind === "method" && ASKED_BY_SERVERS.includes(pattern)) {
    return unfit(`${pattern} is what servers ask, and rules judge what clients ask`, "Leave it out.");
  }
  const meant = /^\s*(tool|prompt|resource|method)s?\s*:/i.exec(text)?.[1]?.toLowerCase();
  if (meant === undefined || kind !== "tool" || text.startsWith("tool:")) return undefined;
  return unfit(`${quoted(text)} is of no kind`, `Write ${meant}:…; a tool that is called so is tool:….`);
}

function withConditions(read: Members, about: Pick<AccessRule, "effect" | "patterns">): Parsed<AccessRule> {
  const scopes = read.get("scopes") ?? [];
  for (const one of scopes) {
    const parsed = scope.parse(one);
    if (!("value" in parsed)) return parsed;
  }
  if (about.effect === "deny" && (scopes.length > 0 || read.has("rate"))) {
    return unfit("a rule that denies has scopes or a rate", "Leave them out: they say what an allowed caller needs.");
  }
  const frequency = read.get("rate")?.[0];
  const parsed = frequency === undefined ? undefined : parseFrequency(frequency);
  if (parsed !== undefined && !("value" in parsed)) return parsed;
  const burst = Number(read.get("burst")?.[0] ?? parsed?.value.amount);
  if (read.has("burst") && (parsed === undefined || !Number.isInteger(burst) || burst < 1 || burst > 1_000_000)) {
    return unfit(
      "burst is no whole number of requests, or there is no rate",
      "Write rate, and a number from 1 to 1000000.",
    );
  }
  const [name] = read.get("name") ?? [], [when] = read.get("when") ?? [];
  if (name !== undefined && !/^[\x21-\x7e][\x20-\x7e]{0,63}$/.test(name)) {
    return unfit(`${quoted(name)} is no name of a rule`, "Write up to 64 printable ASCII characters.");
  }
  return {
    value: { ...about, name, scopes, when, rate: parsed === undefined ? undefined : { ...parsed.value, burst } },
  };
}

export const accessRule: Kind<AccessRule> = {
  metavar: "RULE",
  parse,
  format: ({ name, effect, patterns, scopes, when, rate }) =>
    JSON.stringify({
      ...(name === undefined ? {} : { name }),
      [effect]: patterns.map(formatPattern),
      ...(scopes.length === 0 ? {} : { scopes }),
      ...(when === undefined ? {} : { when }),
      ...(rate === undefined ? {} : { rate: formatFrequency(rate), burst: rate.burst }),
    }),
  takesMapping: true,
  separator: /\n+/,
};
