// What is made from everything that `signet explain` explains: the tables of docs/troubleshooting.md.
//   deno run -A scripts/explained_table.ts           prints them
//   deno run -A scripts/explained_table.ts --write   puts them between the markers of docs/troubleshooting.md
import { EXPLAINED, type Explained, KINDS } from "../lib/cli/explained/table.ts";
import { type MadePart, printOrWrite } from "./made_part.ts";

export const PART: MadePart = { name: "explanations", script: "scripts/explained_table.ts" };
export const PAGE_FILE = "docs/troubleshooting.md";

/** Text inside a cell: a bar would end it, an underscore at a word's edge would slant it. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/--[a-z][a-z-]*/g, "`$&`");
}

function row({ name, kind, answer, meaning, cure }: Explained): string {
  const code = `\`${name.replaceAll("|", "\\|")}\``;
  const answered = kind !== "error" ? "" : answer === undefined ? " |" : ` ${answer.status}, ${answer.rpcCode} |`;
  return `| ${code} |${answered} ${cell(meaning)} | ${cell(cure)} |`;
}

/** GitHub-flavoured Markdown: a table a kind. */
export function formatExplainedTables(): string {
  return Object.entries(KINDS).map(([kind, heading]) =>
    [
      `## ${heading}`,
      "",
      kind === "error" ? "| Code | Answer | What it means | What to do |" : "| Name | What it means | What to do |",
      kind === "error" ? "| --- | --- | --- | --- |" : "| --- | --- | --- |",
      ...EXPLAINED.filter((explained) => explained.kind === kind).map(row),
    ].join("\n")
  ).join("\n\n");
}

if (import.meta.main) await printOrWrite(PART, PAGE_FILE, formatExplainedTables());
