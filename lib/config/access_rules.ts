// The rules of the configuration, compiled: CEL is loaded only where a rule has a condition. Told of as problems with their
// place, all at once (docs/behaviour.md G4, P3).
import type { ConfigProblem } from "../errors.ts";
import { matchesPattern } from "../mcp/name_pattern.ts";
import type { Part } from "../policy/cel.ts";
import type { Rule } from "../policy/policy.ts";
import { JUDGED_BY_NAME } from "../policy/subject.ts";
import type { SettingKey, Settings } from "./schema.ts";
import type { AccessRule } from "./values/access_rule.ts";

/** What a rule goes by. */
export function ruleName(rule: AccessRule, at: number): string {
  return rule.name ?? `rule ${at + 1}`;
}

/** @throws ExpressionError from the first condition that cannot be compiled */
export async function compileRules(rules: readonly AccessRule[]): Promise<Rule[]> {
  const compiled: Rule[] = [];
  for (const [at, rule] of rules.entries()) compiled.push(await compile(rule, at));
  return compiled;
}

async function compile(rule: AccessRule, at: number): Promise<Rule> {
  const { effect, patterns, scopes, when } = rule;
  let parts: readonly Part[] = [];
  if (when !== undefined) {
    const { compileCondition } = await import("../policy/cel.ts");
    parts = compileCondition(when);
  }
  return { name: ruleName(rule, at), effect, patterns, scopes, parts };
}

/** What is wrong with rules that have been read, and what should be known of them. */
export async function examineRules(
  { rules, rulesOtherwise, principals }: Pick<Settings, "rules" | "rulesOtherwise" | "principals">,
  places: ReadonlyMap<SettingKey, string>,
): Promise<{ readonly problems: readonly ConfigProblem[]; readonly warnings: readonly string[] }> {
  const problems: ConfigProblem[] = [];
  const place = places.get("rules") ?? "--rules";
  const claimless: string[] = [];
  for (const [at, rule] of rules.entries()) {
    try {
      const { name, parts } = await compile(rule, at);
      if (parts.some(({ reads: { claims } }) => claims === "all" || claims.size > 0)) claimless.push(name);
    } catch (fault) {
      const { message, at: character, remedy } = fault as Error & { at?: number; remedy?: string };
      const where = character === undefined ? "" : `, at character ${character + 1}`;
      problems.push({
        place,
        problem: `the condition of ${quotedName(rule, at)}${where}: ${message}`,
        remedy: remedy ?? "Correct it.",
      });
    }
  }
  const names = rules.map(ruleName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    problems.push({ place, problem: `two rules are called ${twice}`, remedy: "Give each a name of its own." });
  }
  if (rules.length === 0 && rulesOtherwise === "deny") {
    problems.push({
      place: places.get("rulesOtherwise") ?? "--rules-otherwise",
      problem: "without a rule everything is allowed, whatever this says",
      remedy: 'Add rules, or leave it out. A rule that denies every tool is {deny: ["*"]}.',
    });
  }
  const warnings = warningsOf(rules, rulesOtherwise);
  warnings.push(...rules.flatMap(deniesNoCall));
  if (claimless.length > 0 && !principals.some((name) => WITH_CLAIMS.has(name))) {
    warnings.push(
      `No caller has claims, which ${claimless.join(", ")} reads: only --principal jwt and introspection do.`,
    );
  }
  return { problems, warnings };
}

/** Sources whose callers have claims. */
const WITH_CLAIMS: ReadonlySet<string> = new Set(["jwt", "introspection"]);

function quotedName(rule: AccessRule, at: number): string {
  return rule.name === undefined ? ruleName(rule, at) : `rule ${at + 1} (${rule.name})`;
}

/** `method:tools/*` is lists of tools, and no call of one. */
function deniesNoCall(rule: AccessRule, at: number): string[] {
  const { effect, patterns } = rule;
  if (effect !== "deny" || patterns.some(({ kind }) => kind !== "method")) return [];
  const seems = patterns.some(({ pattern }) => JUDGED_BY_NAME.some((method) => matchesPattern(pattern, method)));
  return seems
    ? [`${ruleName(rule, at)} denies no call of a tool, prompt or resource: they are judged by what they name.`]
    : [];
}

function warningsOf(rules: readonly AccessRule[], otherwise: Settings["rulesOtherwise"]): string[] {
  if (rules.length === 0) {
    return otherwise === undefined ? [] : ["--rules-otherwise says nothing without --rules."];
  }
  if (otherwise === "allow" || rules.some(({ effect }) => effect === "allow")) return [];
  return [
    "No rule allows anything, and what no rule speaks of is denied: say rules-otherwise: allow to deny some only.",
  ];
}
