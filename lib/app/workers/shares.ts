// What of a bound over the whole of Signet each of its workers has: an even part, so that together they keep it. What bounds
// one caller or one session by itself stays as it is: callers' sessions, tokens and rates are counted for all workers at once.
import type { AuditTarget } from "../../config/audit_target.ts";
import type { Settings } from "../../config/schema.ts";

const OF_ALL = [
  "maxSessions",
  "maxConnections",
  "maxStreams",
  "maxInFlight",
  "maxBufferedBytes",
  "maxProcesses",
] as const satisfies readonly (keyof Settings)[];

/** The settings of one of `count` workers. */
export function shareOf(
  settings: Settings,
  { number, count }: { readonly number: number; readonly count: number },
): Settings {
  const shares = Object.fromEntries(OF_ALL.map((key) => [key, Math.ceil(settings[key] / count)]));
  return {
    ...settings,
    ...shares,
    workers: count,
    // The one of all is what the process has that has started them.
    admin: "off",
    audit: settings.audit === undefined ? undefined : auditOf(settings.audit, number),
    // One body has to find room.
    maxBufferedBytes: Math.max(Math.ceil(settings.maxBufferedBytes / count), settings.maxBodyBytes),
  };
}

/** A chain of lines is one process's: `audit.jsonl` becomes `audit.worker-2.jsonl`. */
function auditOf(target: AuditTarget, number: number): AuditTarget {
  if (target.kind !== "file") return target;
  const [, before = target.path, extension = ""] = /^(.*[^/])(\.[^./]+)$/.exec(target.path) ?? [];
  return { kind: "file", path: `${before}.worker-${number}${extension}` };
}
