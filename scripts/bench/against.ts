// A run beside an earlier one: which rows have become worse. Only ratios travel between machines; figures in µs, ms or
// bytes mean something on the same one.
import { type Finding, markdownTable, type RowSpec, showWith } from "./report.ts";

/** Two runs of the same state differ by up to this on a quiet machine. */
const NOISE = 1.08;

export interface Change {
  readonly row: RowSpec;
  readonly before: number;
  readonly now: number;
  readonly isWorse: boolean;
}

/** What `report` says of a row; undefined if it was not measured. */
function valueIn(report: string, { what }: RowSpec): number | undefined {
  const line = report.split("\n").find((text) => text.startsWith("|") && text.split("|")[1]?.trim() === what);
  const text = /\*\*([0-9][0-9.,]*) [^*]*\*\*/.exec(line ?? "")?.[1];
  return text === undefined ? undefined : Number(text.replaceAll(",", ""));
}

/** @param report the markdown that an earlier run has written */
export function compare(rows: readonly RowSpec[], findings: readonly Finding[], report: string): Change[] {
  const changes: Change[] = [];
  for (const row of rows) {
    const finding = findings.find(({ id }) => id === row.id);
    const before = valueIn(report, row);
    if (finding === undefined || "skipped" in finding || before === undefined) continue;
    const now = finding.value;
    const worseBy = row.better === "lower" ? now / before : before / now;
    changes.push({ row, before, now, isWorse: worseBy > NOISE });
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
