// Which rates a request counts against, and what a refused one is told (docs/behaviour.md G5): the RateLimit fields of
// draft-ietf-httpapi-ratelimit-headers-10, and words that an agent reads.
import { matchesPattern } from "../mcp/name_pattern.ts";
import { createHash } from "../platform/runtime/builtin.ts";
import type { PrincipalKey } from "../session/caller.ts";
import type { Rate, RateOutcome, RateTake } from "../store/rates.ts";

/** Who shares a bucket: each caller, each tool, each tool of each caller, or all. */
export const RATE_SCOPES = ["caller", "tool", "caller-tool", "all"] as const;
export type RateScope = typeof RATE_SCOPES[number];

export interface RateLimit {
  readonly rate: Rate;
  readonly per: RateScope;
  /** Only calls of tools that match one of them count; every request if empty. */
  readonly tools: readonly string[];
  /** Only calls that this rule has allowed count. */
  readonly rule?: string;
}

/** One request of a body, as far as rates look at it. */
export interface Counted {
  readonly method: string;
  /** Of a tool or a prompt. */
  readonly name: string | undefined;
  /** That allowed it. */
  readonly rule?: string | undefined;
}

/** What a request is refused with. */
export interface RateRefusal {
  readonly limit: RateLimit;
  /** At least 1; undefined where waiting does not help. */
  readonly retryAfterS: number | undefined;
  /** For whoever reads it, an agent most of all. */
  readonly text: string;
  /** `RateLimit-Policy` and `RateLimit`. */
  readonly fields: string[];
}

/**
 * Which takes: all at once; or `ahead`, before it is known which rule allows the request, and the `rest` after that. What
 * only the caller itself has is taken ahead; what it shares has to be there and stays, so that nobody who is refused
 * by a rule takes it from the others.
 */
export type Part = "all" | "ahead" | "rest";

/** Longer names are told apart by their hash: what a bucket is called is bounded (M6). */
const LONGEST_NAME = 128;

function nameKey(name: string): string {
  return name.length <= LONGEST_NAME ? `t${name}` : `h${createHash("sha256").update(name).digest("base64url")}`;
}

/** What is to be taken, and in the same places which limits want it. */
export interface Taking {
  readonly takes: readonly RateTake[];
  readonly limits: readonly RateLimit[];
}

/** What one request takes, kept because the next one like it takes the same. */
interface Kept {
  readonly rule: string | undefined;
  readonly taking: Taking;
}

/** What is kept of all callers together. */
const MOST_KEPT = 1024;
/** Of what is no call of a tool nothing but its caller and its rule counts. */
const NO_CALL = Symbol("no call");

export class RateBook {
  readonly limits: readonly RateLimit[];
  readonly #kept = new Map<PrincipalKey, Map<string | typeof NO_CALL, Kept>>();
  #keptCount = 0;

  constructor(limits: readonly RateLimit[]) {
    this.limits = limits;
  }

  /** The same of one request, all at once: made anew only where it differs from what was asked before. */
  takesOfOne(key: PrincipalKey, one: Counted): Taking {
    const kind = one.method === "tools/call" ? one.name ?? "" : NO_CALL;
    const kept = this.#kept.get(key)?.get(kind);
    if (kept !== undefined && kept.rule === one.rule) return kept.taking;
    const taking = this.takesOf(key, [one]);
    if (kind === NO_CALL || kind.length <= LONGEST_NAME) this.#keep(key, kind, { rule: one.rule, taking });
    return taking;
  }

  #keep(key: PrincipalKey, kind: string | typeof NO_CALL, kept: Kept): void {
    if (this.#keptCount >= MOST_KEPT) {
      this.#kept.clear();
      this.#keptCount = 0;
    }
    let ofCaller = this.#kept.get(key);
    if (ofCaller === undefined) this.#kept.set(key, ofCaller = new Map());
    if (!ofCaller.has(kind)) this.#keptCount++;
    ofCaller.set(kind, kept);
  }

  /** What the requests of one body take; none where no rate concerns them. */
  takesOf(key: PrincipalKey, counted: readonly Counted[], part: Part = "all"): Taking {
    const takes: RateTake[] = [], limits: RateLimit[] = [];
    for (const limit of this.limits) {
      const isAhead = limit.rule === undefined && (limit.per === "caller" || limit.per === "caller-tool");
      if (part === "rest" ? isAhead : part === "ahead" && limit.rule !== undefined) continue;
      const costs = costsOf(limit, counted);
      if (costs === undefined) continue;
      for (const [name, cost] of costs) {
        const take = takeOf(limit, { key, name, cost });
        takes.push(part === "ahead" && !isAhead ? { ...take, stays: true } : take);
        limits.push(limit);
      }
    }
    return { takes, limits };
  }
}

function concerns({ tools, rule, per }: RateLimit, { method, name, rule: allowedBy }: Counted): boolean {
  if (rule !== undefined && rule !== allowedBy) return false;
  const ofTools = tools.length > 0 || per === "tool" || per === "caller-tool";
  if (!ofTools) return true;
  if (method !== "tools/call") return false;
  return tools.length === 0 || tools.some((pattern) => matchesPattern(pattern, name ?? ""));
}

/** By bucket, "" where tools share one: how much is taken from it. Undefined for nothing. */
function costsOf(limit: RateLimit, counted: readonly Counted[]): ReadonlyMap<string, number> | undefined {
  let costs: Map<string, number> | undefined;
  const isByTool = limit.per === "tool" || limit.per === "caller-tool";
  for (const one of counted) {
    if (!concerns(limit, one)) continue;
    const name = isByTool ? one.name ?? "" : "";
    costs ??= new Map();
    costs.set(name, (costs.get(name) ?? 0) + 1);
  }
  return costs;
}

function takeOf(
  { per, rate }: RateLimit,
  { key, name, cost }: { readonly key: PrincipalKey; readonly name: string; readonly cost: number },
): RateTake {
  switch (per) {
    case "caller":
      return { rate, key, cost };
    case "all":
      return { rate, key: "", cost };
    case "tool":
      return { rate, key: nameKey(name), cost, chooser: key };
    case "caller-tool":
      return { rate, key: `${key.length}:${key}${nameKey(name)}`, cost, chooser: key };
  }
}

const WHOSE: Readonly<Record<RateScope, string>> = {
  caller: "for one caller",
  tool: "of one tool",
  "caller-tool": "of one tool for one caller",
  all: "for all callers together",
};

/** `3 seconds`. */
function seconds(count: number): string {
  return count === 1 ? "1 second" : `${count} seconds`;
}

export function rateRefusal(limit: RateLimit, outcome: RateOutcome): RateRefusal {
  const { rate: { amount, windowMs, burst }, per } = limit;
  const windowS = Math.max(1, Math.round(windowMs / 1000));
  const canBe = Number.isFinite(outcome.retryAfterMs);
  const retryAfterS = canBe ? Math.max(1, Math.ceil(outcome.retryAfterMs / 1000)) : undefined;
  const what = per === "tool" || per === "caller-tool" || limit.tools.length > 0 ? "calls" : "requests";
  const allowed = `${amount} ${what} in ${seconds(windowS)} ${WHOSE[per]}` +
    (burst === amount ? "" : `, ${burst} at once`);
  const cure = retryAfterS === undefined
    ? `Send fewer at once: ${burst} is the most.`
    : `Wait ${seconds(retryAfterS)} before trying again.`;
  return {
    limit,
    retryAfterS,
    text: `Rate limit reached: ${allowed} are allowed. ${cure}`,
    fields: [
      "ratelimit-policy",
      `"${per}";q=${amount};w=${windowS}`,
      "ratelimit",
      `"${per}";r=${Math.max(0, outcome.remaining)};t=${retryAfterS ?? windowS}`,
    ],
  };
}
