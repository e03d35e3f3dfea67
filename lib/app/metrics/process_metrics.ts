// This process: what it is, how it was reloaded, what it holds in memory, and what becomes of its log and audit log.
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import { cpuSeconds, residentBytes } from "../../platform/process/this_process.ts";
import type { PageSources } from "./page_sources.ts";

export function declareBuild(page: MetricsPage, { build, reloads }: PageSources): void {
  const { version, commit, runtime, target } = build;
  page.labelled(
    "gauge",
    {
      name: "signet_build_info",
      help: "1; what runs here, in its labels.",
      labels: ["version", "commit", "runtime", "target"],
    },
    () => [[[version, commit, runtime, target], 1]],
  );
  page.labelled(
    "counter",
    { name: "signet_reloads_total", help: "Reloads of keys and configuration, by outcome.", labels: ["outcome"] },
    () => samples({ ok: reloads.ok, failed: reloads.failed }),
  );
  page.gauge(
    "signet_last_reload_successful",
    "1 unless the last reload failed and the settings before it are still in force.",
    () => reloads.lastFailed ? 0 : 1,
  );
  page.gauge(
    "signet_last_reload_success_timestamp_seconds",
    "When the settings in force were read, since the epoch.",
    () => reloads.lastOkMs / 1000,
  );
}

export function declareProcess(page: MetricsPage, { lasting, parts, startedAtMs, droppedLines }: PageSources): void {
  page.labelled(
    "gauge",
    { name: "signet_map_entries", help: "Entries of every map in memory.", labels: ["map"] },
    () => {
      const { principals, ...proofs } = parts().authenticator.sizes();
      const { owners, pending } = lasting.adoption.stats();
      return samples({
        ...lasting.registry.sizes(),
        ...lasting.replicas.sizes(),
        ...proofs,
        principals_remembered: principals, // the registry counts principals too
        identities: lasting.identities.stats().entries,
        adopted: owners,
        adopting: pending,
        tokens_remembered: lasting.tokens?.remembered ?? 0,
        reopenings: lasting.reopenings.size,
        discoveries: lasting.discoveries.size,
        pooled_sessions: lasting.pools?.size ?? 0,
        feeds: lasting.feeds.size,
      });
    },
  );
  page.gauge("signet_keys", "Keys in the ring.", () => lasting.registry.ring.keys.length);
  page.gauge(
    "signet_draining",
    "1 while shutting down.",
    () => lasting.lifecycle.leaving || lasting.lifecycle.draining ? 1 : 0,
  );
  page.gauge("process_start_time_seconds", "Start time since the epoch.", () => startedAtMs / 1000);
  page.counter(
    "signet_log_lines_suppressed_total",
    "Lines left out of the log because there were too many of their kind in a second.",
    () => lasting.log.suppressed,
  );
  page.counter(
    "signet_log_lines_dropped_total",
    "Lines of the log lost because nobody read them in time, or at all.",
    droppedLines,
  );
  page.gauge("process_resident_memory_bytes", "Resident memory.", residentBytes);
  page.counter("process_cpu_seconds_total", "CPU time of this process, user and system.", cpuSeconds);
}

/** Zero where there is no audit log. */
export function declareAudit(page: MetricsPage, { lasting: { audit, observers } }: PageSources): void {
  page.counter("signet_audit_lines_total", "Lines written to the audit log.", () => audit?.stats.lines ?? 0);
  page.counter(
    "signet_audit_dropped_total",
    "Lines that the audit log had no room for: it says itself how many, and since when.",
    () => audit?.stats.dropped ?? 0,
  );
  page.counter(
    "signet_audit_refusals_total",
    "Requests refused because they could not be recorded (--audit-when-full wait).",
    () => audit?.refused ?? 0,
  );
  page.gauge(
    "signet_audit_waiting_bytes",
    "What waits to be written to the audit log.",
    () => audit?.stats.waiting ?? 0,
  );
  page.gauge("signet_audit_failing", "1 while the audit log cannot be written.", () => audit?.stats.failing ?? 0);
  page.counter(
    "signet_observer_faults_total",
    "Faults of what is told of requests: audit, access log, traces, live views.",
    () => observers.faults,
  );
}
