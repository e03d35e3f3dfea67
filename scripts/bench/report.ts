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

export interface Measured {
  readonly value: number;
  /** The figures behind it; may be empty. */
  readonly detail: string;
  readonly spread?: Spread;
}

/** What one run says of a row: a value, and what it is from source on Deno where that stands beside it; or why there is none. */
export type Finding =
  | Measured & { readonly id: string; readonly onDeno?: Measured }
  | { readonly id: string; readonly skipped: string };

/** Between which two values the middle half of the rounds lies. */
export type Spread = readonly [low: number, high: number];

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
  return median(ratiosByRound(ours, theirs));
}

/** As {@link ratioByRound}, with its spread: what a finding needs. */
export function ratioWithSpread(ours: readonly number[], theirs: readonly number[]): { value: number; spread: Spread } {
  const ratios = ratiosByRound(ours, theirs);
  return { value: median(ratios), spread: spreadOf(ratios) };
}

function ratiosByRound(ours: readonly number[], theirs: readonly number[]): number[] {
  if (ours.length !== theirs.length) throw new RangeError(`cannot pair ${ours.length} rounds with ${theirs.length}`);
  return ours.map((value, round) => value / (theirs[round] ?? NaN));
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.round((sorted.length - 1) * part)] ?? NaN;
  return [at(0.25), at(0.75)];
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

/**
 * The main table, one line a row, in the order of `rows`; rows nobody looked at are left out. The verdict is on what was
 * measured first.
 */
export function targetTable(rows: readonly RowSpec[], findings: readonly Finding[]): string {
  const lines: string[][] = [["what", "target", "floor", "measured", "on Deno", "verdict"]];
  for (const row of rows) {
    const finding = findings.find(({ id }) => id === row.id);
    if (finding === undefined) continue;
    const sign = row.better === "lower" ? "≤" : "≥";
    const bounds = [`${sign} ${showWith(row.unit, row.target)}`, `${sign} ${showWith(row.unit, row.floor)}`];
    if ("skipped" in finding) lines.push([row.what, ...bounds, finding.skipped, "", "not measured"]);
    else {
      const { spread, onDeno } = finding;
      const rounds = spread === undefined ? [] : [`half of the rounds ${show(spread[0])} to ${show(spread[1])}`];
      const said = [finding.detail, ...rounds].filter((text) => text !== "").join("; ");
      const detail = said === "" ? "" : ` (${said})`;
      const beside = onDeno === undefined ? "" : showWith(row.unit, onDeno.value);
      const measured = `**${showWith(row.unit, finding.value)}**${detail}`;
      lines.push([row.what, ...bounds, measured, beside, judge(row, finding.value)]);
    }
  }
  return markdownTable(lines);
}

export function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n") + "\n";
}
