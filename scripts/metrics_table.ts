// What is made from the metrics that the program declares: the table of docs/metrics.md. They are asked of Signets that
// are started with every kind of upstream and everything on that is counted, and never used.
//   deno run -A scripts/metrics_table.ts           prints the table
//   deno run -A scripts/metrics_table.ts --write   puts it between the markers of docs/metrics.md
import { type App, startApp } from "../lib/app/app.ts";
import { declareWorkers } from "../lib/app/workers/fleet_metrics.ts";
import { parseFlags } from "../lib/config/flags.ts";
import { loadSettings } from "../lib/config/load.ts";
import { readTelemetry } from "../lib/config/otel_variables.ts";
import { SETTING_KEYS } from "../lib/config/schema.ts";
import { ephemeralKeyRing } from "../lib/envelope/key_ring.ts";
import { createLogger } from "../lib/observe/log.ts";
import { type Family, MetricsPage } from "../lib/observe/metrics.ts";
import { randomBytes } from "../lib/platform/random.ts";
import { type MadePart, printOrWrite } from "./made_part.ts";

export const PART: MadePart = { name: "metrics", script: "scripts/metrics_table.ts" };
export const PAGE_FILE = "docs/metrics.md";

/** Nothing listens there, and nothing is sent. */
const NOWHERE = "http://127.0.0.1:9/mcp";

/** What Signets are started with, so that each metric there is shows on some page. */
const KINDS: readonly (readonly [heading: string, flags: readonly string[]])[] = [
  ["Before an HTTP server", ["--upstream", NOWHERE]],
  ["Before a stdio server", ["--", Deno.execPath()]],
  ["Before several servers", ["--upstream", `a=${NOWHERE}`, "--upstream", `b=${NOWHERE}`]],
];

/** Without metrics, which would be sent at the end. */
const EXPORTING = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_METRICS_EXPORTER: "none" };

const LISTEN = ["--listen", "127.0.0.1:0", "--admin", "off"];

async function start(flags: readonly string[]): Promise<App> {
  const parsed = parseFlags([...LISTEN, ...flags], { command: "signet serve", accepts: new Set(SETTING_KEYS) });
  const readTextFile = (path: string) => Deno.readTextFile(path);
  const fileMode = async (path: string) => (await Deno.stat(path)).mode;
  const { settings } = await loadSettings({ flags: parsed, env: {}, readTextFile, fileMode });
  const { telemetry } = readTelemetry(EXPORTING);
  return await startApp({
    settings,
    telemetry,
    loadKeys: () => Promise.resolve({ ring: ephemeralKeyRing(randomBytes), source: "", ephemeral: true, warnings: [] }),
    reloadSettings: () => Promise.resolve(settings),
    log: createLogger({ level: "error", format: "json", now: Date.now, write: (line) => console.error(line) }),
    now: Date.now,
  });
}

/** A heading, and the metrics that stand below it. */
export interface Group {
  readonly heading: string;
  readonly families: readonly Family[];
}

/** The page of a Signet, read once so that reading fails here if it can. */
async function pageOf(
  flags: readonly string[],
): Promise<{ readonly families: readonly Family[]; readonly text: string }> {
  const app = await start(flags);
  try {
    return { families: app.metrics.families, text: app.metrics.render() };
  } finally {
    await app.drain();
  }
}

/** Every metric there is, and the pages they stand on. */
export async function declaredMetrics(): Promise<{ readonly groups: Group[]; readonly pages: string[] }> {
  const pages: Awaited<ReturnType<typeof pageOf>>[] = [];
  for (const [, flags] of KINDS) pages.push(await pageOf(flags));
  const named = pages.map(({ families }) => new Set(families.map(({ name }) => name)));
  const isCommon = ({ name }: Family) => named.every((names) => names.has(name));
  const groups = [{ heading: "Of every Signet", families: pages[0]!.families.filter(isCommon) }];
  for (const [at, [heading]] of KINDS.entries()) {
    groups.push({ heading, families: pages[at]!.families.filter((family) => !isCommon(family)) });
  }
  const workers = new MetricsPage();
  declareWorkers(workers, () => []);
  groups.push({ heading: "Of several workers", families: [...workers.families] });
  return { groups, pages: [...pages.map(({ text }) => text), workers.render()] };
}

function row({ name, type, labels, help }: Family): string {
  const shown = labels.map((label) => `\`${label}\``).join(", ");
  return `| \`${name}\` | ${type} | ${shown} | ${help.replaceAll("|", "\\|")} |`;
}

/** GitHub-flavoured Markdown: one table a group. */
export function formatMetricsTable(groups: readonly Group[]): string {
  return groups.map(({ heading, families }) =>
    [`**${heading}**`, "", "| Name | Type | Labels | Meaning |", "| --- | --- | --- | --- |", ...families.map(row)]
      .join("\n")
  ).join("\n\n");
}

if (import.meta.main) {
  const { groups } = await declaredMetrics();
  await printOrWrite(PART, PAGE_FILE, formatMetricsTable(groups));
}
