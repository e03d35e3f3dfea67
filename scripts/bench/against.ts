// A run beside an earlier one: which rows have become worse. Only ratios travel between machines; figures in µs, ms or
// bytes mean something on the same one.
import { type Finding, markdownTable, type RowSpec, showWith, type Spread } from "./report.ts";

/** Two runs of the same state differ by up to this on a quiet machine, where nothing is known of their rounds. */
const NOISE = 1.08;
/** With rounds that say how much they differ: what is smaller is not worth a word. */
const LEAST = 1.02;

interface Measured {
  readonly value: number;
  readonly spread?: Spread | undefined;
}

export interface Change {
  readonly row: RowSpec;
  readonly before: number;
  readonly now: number;
  readonly isWorse: boolean;
}

/** What `report` says of a row; undefined if it was not measured. */
function valueIn(report: string, { what }: RowSpec): Measured | undefined {
  const line = report.split("\n").find((text) => text.startsWith("|") && text.split("|")[1]?.trim() === what) ?? "";
  const value = /\*\*([0-9][0-9.,]*) [^*]*\*\*/.exec(line)?.[1];
  if (value === undefined) return undefined;
  const [, low, high] = /half of the rounds ([0-9][0-9.,]*) to ([0-9][0-9.,]*)/.exec(line) ?? [];
  const isSpread = low !== undefined && high !== undefined;
  return { value: numberOf(value), spread: isSpread ? [numberOf(low), numberOf(high)] : undefined };
}

const numberOf = (text: string) => Number(text.replaceAll(",", ""));

/**
 * Beyond noise: where both runs know their spreads, if the better end of what is now is worse than the worse end of what
 * was before.
 */
function isWorse(row: RowSpec, before: Measured, now: Measured): boolean {
  const isLower = row.better === "lower";
  const by = isLower ? now.value / before.value : before.value / now.value;
  if (before.spread === undefined || now.spread === undefined) return by > NOISE;
  const isApart = isLower ? now.spread[0] > before.spread[1] : now.spread[1] < before.spread[0];
  return isApart && by > LEAST;
}

/** @param report the markdown that an earlier run has written */
export function compare(rows: readonly RowSpec[], findings: readonly Finding[], report: string): Change[] {
  const changes: Change[] = [];
  for (const row of rows) {
    const finding = findings.find(({ id }) => id === row.id);
    const before = valueIn(report, row);
    if (finding === undefined || "skipped" in finding || before === undefined) continue;
    changes.push({ row, before: before.value, now: finding.value, isWorse: isWorse(row, before, finding) });
  }
  return changes;
}

export function changeTable(changes: readonly Change[]): string {
  const lines = changes.map(({ row, before, now, isWorse }) => [
    row.what,
    showWith(row.unit, before),
    showWith(row.unit, now),
    isWorse ? "WORSE" : "",
  ]);
  return markdownTable([["what", "before", "now", ""], ...lines]);
}
