// How often something may be asked for, as one value (docs/behaviour.md G5): `50/s burst=100 per=caller tool=search_*` on a
// line, a mapping in a file.
import { RATE_SCOPES, type RateScope } from "../../policy/rate_book.ts";
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";
import { readValues } from "./mappings.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./units.ts";

export interface RateSetting {
  readonly amount: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly per: RateScope;
  /** Patterns; empty: every request counts. */
  readonly tools: readonly string[];
}

const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };
const MOST = 1_000_000;
const MEMBERS = new Set(["rate", "burst", "per", "tool"]);
const FORM = `Write NUMBER/s, /m, /h or /d, and of burst=NUMBER, per=${
  RATE_SCOPES.join("|")
} and tool=PATTERN what is needed: 50/s burst=100.`;

/** `50/s`. */
export function parseFrequency(text: string): Parsed<{ amount: number; windowMs: number }> {
  const [, number, unit] = /^(\d{1,7})\/([smhd])$/.exec(text.trim()) ?? [];
  const amount = Number(number);
  if (unit === undefined || amount < 1 || amount > MOST) {
    return unfit(
      `${quoted(text)} is no rate`,
      `Write a number from 1 to ${MOST} and its unit: 50/s, 100/m, 1000/h or 5000/d.`,
    );
  }
  return { value: { amount, windowMs: UNITS[unit]! } };
}

function parse(text: string): Parsed<RateSetting> {
  const read = readValues(text, "rate");
  if (typeof read === "string") return unfit(read, FORM);
  for (const [name, values] of read) {
    if (!MEMBERS.has(name)) return unfit(`${quoted(name)} says nothing about a rate`, FORM);
    if (name !== "tool" && values.length > 1) return unfit(`${name} is given ${values.length} times`, "Give it once.");
  }
  const frequency = parseFrequency(read.get("rate")?.[0] ?? "");
  if (!("value" in frequency)) return frequency;
  const { amount, windowMs } = frequency.value;
  const burst = Number(read.get("burst")?.[0] ?? amount);
  if (!Number.isInteger(burst) || burst < 1 || burst > MOST) {
    return unfit("burst is no whole number of requests", `Write a number from 1 to ${MOST}.`);
  }
  const per = read.get("per")?.[0] ?? "caller";
  if (!isScope(per)) return unfit(`${quoted(per)} is nothing to count by`, `Write one of ${RATE_SCOPES.join(", ")}.`);
  return { value: { amount, windowMs, burst, per, tools: read.get("tool") ?? [] } };
}

function isScope(text: string): text is RateScope {
  return (RATE_SCOPES as readonly string[]).includes(text);
}

export function formatFrequency({ amount, windowMs }: { readonly amount: number; readonly windowMs: number }): string {
  return `${amount}/${Object.entries(UNITS).find(([, ms]) => ms === windowMs)?.[0]}`;
}

export const rate: Kind<RateSetting> = {
  metavar: "RATE",
  parse,
  format: ({ burst, per, tools, ...frequency }) =>
    [
      formatFrequency(frequency),
      ...(burst === frequency.amount ? [] : [`burst=${burst}`]),
      ...(per === "caller" ? [] : [`per=${per}`]),
      ...tools.map((pattern) => `tool=${pattern}`),
    ].join(" "),
  takesMapping: true,
  separator: /\n+/,
};
