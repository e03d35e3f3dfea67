// From figures to a table: medians, ratios, and a verdict against the target and the floor of BENCHMARKS.md.

/** A value that must not be passed in one direction. */
export interface RowSpec {
  /** Short, for `--only`. */
  readonly id: string;
  readonly what: string;
  readonly better: "lower" | "higher";
  readonly target: number;
  readonly floor: number;
  /** `×` for a ratio, else a unit. */
  readonly unit: string;
}

export type Verdict = "target met" | "floor held" | "BELOW FLOOR" | "not measured";

/** What one run says of a row: a value, or why there is none. */
export type Finding =
  | { readonly id: string; readonly value: number; readonly detail: string }
  | { readonly id: string; readonly skipped: string };

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError("cannot take the median: want at least one value, found none");
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Median of the ratios of each round: what disturbs the machine for a while disturbs both sides of a round alike.
 * @throws RangeError if the rounds do not pair up
 */
export function ratioByRound(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) throw new RangeError(`cannot pair ${ours.length} rounds with ${theirs.length}`);
  return median(ours.map((value, round) => value / (theirs[round] ?? NaN)));
}

export function judge(row: RowSpec, value: number): Verdict {
  const holds = (bound: number) => row.better === "lower" ? value <= bound : value >= bound;
  if (holds(row.target)) return "target met";
  return holds(row.floor) ? "floor held" : "BELOW FLOOR";
}

/** Three significant digits, no exponent, thousands separated. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value.toLocaleString("en-GB", { maximumSignificantDigits: 3 });
}

export const showWith = (unit: string, value: number) => unit === "×" ? `${show(value)} ×` : `${show(value)} ${unit}`;

/** The main table, one line a row, in the order of `rows`; rows nobody looked at are left out. */
export function targetTable(rows: readonly RowSpec[], findings: readonly Finding[]): string {
  const lines: string[][] = [["what", "target", "floor", "measured", "verdict"]];
  for (const row of rows) {
    const finding = findings.find(({ id }) => id === row.id);
    if (finding === undefined) continue;
    const sign = row.better === "lower" ? "≤" : "≥";
    const bounds = [`${sign} ${showWith(row.unit, row.target)}`, `${sign} ${showWith(row.unit, row.floor)}`];
    if ("skipped" in finding) lines.push([row.what, ...bounds, finding.skipped, "not measured"]);
    else {
      const detail = finding.detail === "" ? "" : ` (${finding.detail})`;
      lines.push([row.what, ...bounds, `**${showWith(row.unit, finding.value)}**${detail}`, judge(row, finding.value)]);
    }
  }
  return markdownTable(lines);
}

export function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n") + "\n";
}
