// Who may see and call what: the rules of the configuration, asked for lists and for calls alike (docs/behaviour.md G4). The
// first rule that matches decides; a condition that cannot be told makes an allowing rule say nothing and a denying one
// refuse; where no rule decides, the default does. Nothing here waits.
import type { Principal } from "../identity/principal.ts";
import { matchesPattern } from "../mcp/name_pattern.ts";
import type { Part } from "./cel.ts";
import type { Reads } from "./expression_reads.ts";
import type { ToolHints } from "./hints.ts";
import { RuleScope } from "./rule_scope.ts";
import { type Names, namesOf, type Pattern, type Spellings, spelt } from "./spelt.ts";
import { isOpen, type Subject } from "./subject.ts";
import { type Known, type Verdict, VerdictMemory } from "./verdict.ts";

/** One rule, ready to be asked. */
export interface Rule {
  /** What it goes by where somebody is told: its own name, or its place. */
  readonly name: string;
  readonly effect: "allow" | "deny";
  readonly patterns: readonly Pattern[];
  /** Scopes a caller must have for it to allow; none for rules that deny. */
  readonly scopes: readonly string[];
  /** All of them have to hold; none: it always matches. */
  readonly parts: readonly Part[];
}

export interface PolicyOptions {
  readonly rules: readonly Rule[];
  /** What becomes of what no rule speaks of. */
  readonly otherwise: "allow" | "deny";
  /** All that an address may be taken for by the server, itself included. */
  readonly spellings: Spellings;
  /** Which server a name leads to; "" where there is one without a name. */
  readonly serverOf: (subject: Subject) => string;
}

/** Needed, and not known. */
class HintsMissing extends Error {}

/** Verdicts remembered, of all callers together; beyond them all are forgotten. */
const MOST_CACHED = 50_000;
/** Longer names are judged each time. In characters. */
const LONGEST_CACHED = 128;

/** What one rule had to say, in words. */
export interface Step {
  readonly rule: string;
  readonly why: string;
}

/** What judging one subject has come across. */
interface Trail {
  readArguments: boolean;
  readHints: boolean;
  needs: readonly string[] | undefined;
  /** Told of each rule that was asked, where somebody wants to know. */
  readonly steps?: Step[];
}

const NO_SCOPES: readonly string[] = [];

export class Policy {
  readonly #options: PolicyOptions;
  #cache = new WeakMap<Principal, VerdictMemory>();
  #cached = 0;
  /** Of each rule, in every spelling that counts. */
  readonly #patterns: ReadonlyMap<Rule, readonly Pattern[]>;
  /** What the conditions of each rule read of arguments. */
  readonly #wanted: ReadonlyMap<Rule, Reads>;
  /** Conditions that could not be told, since the start of this policy. */
  failures = 0;
  /** Hears of each of those, and of the kind of its fault: nothing of what was read. */
  onFailure: ((rule: string, reason: string) => void) | undefined;
  readonly reads: Reads;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.reads = readsOf(options.rules);
    this.#patterns = new Map(options.rules.map((rule) => [rule, spelt(rule, options.spellings)]));
    this.#wanted = new Map(options.rules.map((rule) => [rule, readsOf([rule])]));
  }

  /** What becomes of a call, if that is known without reading anything: asked and remembered before. */
  recall(principal: Principal, subject: Subject, hints: ToolHints | undefined): Verdict | undefined {
    const cached = this.#cache.get(principal)?.get(subject, true);
    return cached === undefined || (cached.hints !== undefined && cached.hints !== hints) ? undefined : cached.verdict;
  }

  /** Whether an entry of a list is there for the caller: it is exactly if some call of it could be allowed. */
  shows(principal: Principal, subject: Subject, hints: ToolHints | undefined): boolean {
    const { ruling } = this.#remembered(principal, subject, { hints, args: undefined });
    return ruling === "allowed";
  }

  /** What becomes of a call. */
  judge(principal: Principal, subject: Subject, known: Known): Verdict {
    const found = this.#remembered(principal, subject, known);
    if (
      found.ruling !== "denied" || known.args === undefined || this.reads.args !== "all" && this.reads.args.size === 0
    ) {
      return found;
    }
    const shown = this.#remembered(principal, subject, { ...known, args: undefined });
    return shown.ruling === "allowed" ? { ...found, ruling: "arguments" } : found;
  }

  /** Why a call is judged as it is: every rule that was asked, in order. Remembers nothing. */
  explain(principal: Principal, subject: Subject, known: Known): { readonly verdict: Verdict; readonly steps: Step[] } {
    const steps: Step[] = [];
    const trail: Trail = { readArguments: false, readHints: false, needs: undefined, steps };
    this.#decide(principal, subject, known, trail);
    return { verdict: this.judge(principal, subject, known), steps };
  }

  #remembered(principal: Principal, subject: Subject, known: Known): Verdict {
    const isCall = known.args !== undefined;
    let memory = this.#cache.get(principal);
    const cached = memory?.get(subject, isCall);
    if (cached !== undefined && (cached.hints === undefined || cached.hints === known.hints)) return cached.verdict;
    const trail: Trail = { readArguments: false, readHints: false, needs: undefined };
    const verdict = this.#decide(principal, subject, known, trail);
    if (verdict.ruling === "unknown" || trail.readArguments || subject.name.length > LONGEST_CACHED) return verdict;
    if (this.#cached++ >= MOST_CACHED) {
      this.#cache = new WeakMap();
      this.#cached = 1;
      memory = undefined;
    }
    if (memory === undefined) this.#cache.set(principal, memory = new VerdictMemory());
    memory.set(subject, isCall, { verdict, hints: trail.readHints ? known.hints : undefined });
    return verdict;
  }

  #decide(principal: Principal, subject: Subject, known: Known, trail: Trail): Verdict {
    const { rules, otherwise } = this.#options;
    const names = namesOf(subject, this.#options.spellings);
    try {
      for (const rule of rules) {
        if (!this.#matches(rule, names, { principal, subject, known, trail })) continue;
        if (rule.effect === "deny") {
          trail.steps?.push({ rule: rule.name, why: "it denies" });
          return this.#denied(rule.name, trail);
        }
        const missing = rule.scopes.filter((scope) => !principal.scopes.includes(scope));
        const why = missing.length === 0 ? "it allows" : `it would allow with ${missing.join(" ")}`;
        trail.steps?.push({ rule: rule.name, why });
        if (missing.length === 0) return { ruling: "allowed", rule: rule.name, scopes: NO_SCOPES };
        trail.needs ??= rule.scopes;
      }
    } catch (fault) {
      if (fault instanceof HintsMissing) return { ruling: "unknown", rule: undefined, scopes: NO_SCOPES };
      throw fault;
    }
    const isAllowed = subject.kind === "method" && isOpen(subject.name) || otherwise === "allow";
    return isAllowed ? { ruling: "allowed", rule: undefined, scopes: NO_SCOPES } : this.#denied(undefined, trail);
  }

  #denied(rule: string | undefined, { needs }: Trail): Verdict {
    return needs === undefined
      ? { ruling: "denied", rule, scopes: NO_SCOPES }
      : { ruling: "scope", rule, scopes: needs };
  }

  /** An address is denied if any of its spellings is, and allowed if all are. */
  #matches(rule: Rule, names: Names, asking: Asking): boolean {
    const { kind } = asking.subject;
    const { steps } = asking.trail;
    const patterns = this.#patterns.get(rule)!;
    const fits = (name: string) => {
      if (patterns.some((pattern) => pattern.kind === kind && matchesPattern(pattern.pattern, name))) {
        return this.#holds(rule, name, asking);
      }
      steps?.push({ rule: rule.name, why: "none of its patterns names it" });
      return false;
    };
    return rule.effect === "deny" ? names.toDeny.some(fits) : names.toAllow.every(fits);
  }

  #holds(rule: Rule, name: string, asking: Asking): boolean {
    if (rule.parts.length === 0) return true;
    const { known, trail } = asking;
    const scope = new RuleScope({ name, asking, wanted: this.#wanted.get(rule)!, serverOf: this.#options.serverOf });
    let failed: unknown;
    for (const part of rule.parts) {
      const readsArguments = part.reads.args === "all" || part.reads.args.size > 0;
      if (readsArguments && known.args === undefined) {
        // Of a list: some arguments could make an allowing rule match, and a denying one not.
        if (rule.effect === "deny") return false;
        continue;
      }
      trail.readArguments ||= readsArguments;
      if (part.reads.hints && asking.subject.kind === "tool") {
        trail.readHints = true;
        if (known.hints === undefined) throw new HintsMissing();
      }
      try {
        if (part.holds(readsArguments ? scope.withArguments : scope.value)) continue;
        trail.steps?.push({ rule: rule.name, why: "its condition does not hold" });
        return false;
      } catch (fault) {
        failed ??= fault;
      }
    }
    if (failed === undefined) return true;
    trail.steps?.push({ rule: rule.name, why: `its condition cannot be told (${kindOf(failed)})` });
    this.failures++;
    this.onFailure?.(rule.name, kindOf(failed));
    return rule.effect === "deny";
  }
}

/** The library's code of a fault, or the name of another: a message could quote a claim or an argument. */
function kindOf(fault: unknown): string {
  const { code, name } = fault as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === "string" ? code : String(name);
}

interface Asking {
  readonly principal: Principal;
  readonly subject: Subject;
  readonly known: Known;
  readonly trail: Trail;
}

function readsOf(rules: readonly Rule[]): Reads {
  const parts = rules.flatMap((rule) => rule.parts);
  const merged = (of: "claims" | "args") =>
    parts.reduce<ReadonlySet<string> | "all">((all, { reads }) => {
      const read = reads[of];
      return all === "all" || read === "all" ? "all" : all.union(read);
    }, new Set<string>());
  return {
    claims: merged("claims"),
    args: merged("args"),
    hints: parts.some(({ reads }) => reads.hints),
    names: parts.reduce<ReadonlySet<string>>((all, { reads }) => all.union(reads.names), new Set()),
  };
}
