// Words on a screen: wrapping, columns and emphasis. Emphasis only where a terminal shows it (https://no-color.org).
import type { ConfigProblem } from "../../errors.ts";
import { escapeUnsafe } from "../../observe/escape.ts";

/** Messages are no wider where a terminal is, and no narrower where one is tiny. */
const [WIDEST, NARROWEST] = [80, 40];

export interface Style {
  /** Whether there is any emphasis. */
  readonly colored: boolean;
  /** How wide messages are, in columns: those of the terminal, 80 at most; a file bears more. */
  readonly columns: number;
  bold(text: string): string;
  dim(text: string): string;
  danger(text: string): string;
}

const ansi = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
const same = (text: string) => text;

/** @param width of the terminal, in columns, where it is known */
export function styleFor(
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
  width: number = WIDEST,
): Style {
  const colored = isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const columns = isTerminal ? Math.max(NARROWEST, Math.min(WIDEST, width)) : 98;
  if (!colored) return { colored, columns, bold: same, dim: same, danger: same };
  return { colored, columns, bold: ansi(1), dim: ansi(2), danger: ansi(31) };
}

/** Breaks at blanks into lines of at most `width` characters; a longer word stands alone. What it gives is printable. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of escapeUnsafe(text).split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** What comes from outside, with what could drive the terminal, or would not be seen, written out. */
export function printable(value: unknown): string {
  return escapeUnsafe(String(value ?? ""));
}

/** Where a line ends, and a style's own emphasis. */
const OWN = /(\n)/;
// deno-lint-ignore no-control-regex
const OWN_COLORED = /(\n|\x1b\[(?:[0-2]|31)m)/;

/**
 * A command's whole text as it may be printed. Line ends and emphasis stay, whatever else could drive a terminal is written
 * out: what a site has let through that shows a name without `printable` ends here.
 */
export function printed(text: string, { colored }: Style): string {
  return text.split(colored ? OWN_COLORED : OWN).map((part, at) => at % 2 === 1 ? part : escapeUnsafe(part)).join("");
}

/** One that does not keep a command from its work. */
export function formatWarning(text: string): string {
  return `! ${printable(text)}\n`;
}

/** Cells in columns two blanks apart, a line each; the last column is as wide as it likes. */
export function formatTable(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, cell.length));
  return rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at]!)).join("  ").trimEnd() + "\n").join("");
}

/** As many of the first columns as a line of `width` characters holds; at least the first. */
export function fitting(rows: readonly (readonly string[])[], width: number): readonly (readonly string[])[] {
  const columns = rows[0]?.length ?? 0;
  let used = 0;
  for (let at = 0; at < columns; at++) {
    used += Math.max(...rows.map((row) => row[at]!.length)) + (at === 0 ? 0 : 2);
    if (used > width && at > 0) return rows.map((row) => row.slice(0, at));
  }
  return rows;
}

/** A sentence: capital at the front, full stop at the end. An address or a file that begins it stays as it is written. */
export function sentence(text: string): string {
  const ended = /[.!?…]$/.test(text) ? text : `${text}.`;
  return /^[a-z][a-z'’-]*[,;:.!?…]?(?:\s|$)/.test(ended) ? ended.charAt(0).toUpperCase() + ended.slice(1) : ended;
}

/** Every problem with its place and remedy (P3). */
export function formatProblems(problems: readonly ConfigProblem[], style: Style): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const blocks = problems.map(({ place, problem, remedy }) =>
    [
      style.bold(escapeUnsafe(place)),
      ...wrap(sentence(problem), style.columns - 4),
      ...wrap(sentence(remedy), style.columns - 4),
    ]
      .map((line, index) => (index === 0 ? "  " : "    ") + line + "\n").join("")
  );
  return `signet: ${count}\n\n${blocks.join("\n")}`;
}
