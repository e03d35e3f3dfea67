// What the process that steers the workers counts itself, beside what they count.
import { MetricsPage } from "../../observe/metrics.ts";
import { cpuSeconds, residentBytes } from "../../platform/process/this_process.ts";
import type { Store } from "../../store/store.ts";
import type { Reloads } from "../reload/reloads.ts";
import type { OwnSamples } from "./merged_metrics.ts";
import type { Slot } from "./slot.ts";

export function workersPage(slots: () => readonly Slot[]): MetricsPage {
  const page = new MetricsPage();
  declareWorkers(page, slots);
  return page;
}

/** What is counted of workers as such. */
export function declareWorkers(page: MetricsPage, slots: () => readonly Pick<Slot, "isUp" | "ends">[]): void {
  page.labelled(
    "gauge",
    { name: "signet_workers", help: "Workers by state: up serve, down are being started again.", labels: ["state"] },
    () => {
      const up = slots().filter(({ isUp }) => isUp).length;
      return [[["up"], up], [["down"], slots().length - up]];
    },
  );
  page.counter(
    "signet_worker_ends_total",
    "Workers that ended unasked, and whose place another one took.",
    () => slots().reduce((sum, { ends }) => sum + ends, 0),
  );
}

export interface FleetCounts {
  readonly reloads: Reloads;
  /** The store that it holds for the workers, if it does. */
  readonly held: Store | undefined;
  readonly droppedLines: (() => number) | undefined;
}

/** Its numbers in families that the workers have as well. */
export function ownSamples({ reloads, held, droppedLines }: FleetCounts): OwnSamples {
  const { ok, failed, lastFailed, lastOkMs } = reloads;
  const forgotten = held?.stats().revocationsForgotten;
  return {
    replace: new Map([
      ['signet_reloads_total{outcome="ok"}', ok],
      ['signet_reloads_total{outcome="failed"}', failed],
      ["signet_last_reload_successful", lastFailed ? 0 : 1],
      ["signet_last_reload_success_timestamp_seconds", lastOkMs / 1000],
      ...(forgotten === undefined ? [] : [["signet_tombstones_lost_total", forgotten] as const]),
    ]),
    add: new Map([
      ["signet_log_lines_dropped_total", droppedLines?.() ?? 0],
      ["process_resident_memory_bytes", residentBytes()],
      ["process_cpu_seconds_total", cpuSeconds()],
    ]),
  };
}
