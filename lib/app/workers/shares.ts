// What of a bound over the whole of Signet each of its workers has: together no more than the whole, but for memory for one
// body, which each has at least. What bounds one caller or one session by itself stays as it is: callers' sessions, tokens
// and rates are counted for all workers at once.
import { DIVIDED } from "../../config/divided.ts";
import { settingOf, type Settings } from "../../config/schema.ts";
import { flagOf } from "../../config/setting.ts";
import type { AuditTarget } from "../../config/values/audit_target.ts";
import { ConfigError } from "../../errors.ts";

export interface Part {
  /** Of the worker, from 1. */
  readonly number: number;
  readonly count: number;
}

/** The settings of one of `count` workers. @throws ConfigError where there is too little of something for so many */
export function shareOf(settings: Settings, part: Part): Settings {
  const { number, count } = part;
  const shares = Object.fromEntries(DIVIDED.map((key) => [key, partOf(settings, key, part)])) as Pick<
    Settings,
    typeof DIVIDED[number]
  >;
  return {
    ...settings,
    ...shares,
    workers: count,
    // The one of all is what the process has that has started them.
    admin: "off",
    audit: settings.audit === undefined ? undefined : auditOf(settings.audit, number),
    // One body has to find room.
    maxBufferedBytes: Math.max(shares.maxBufferedBytes, settings.maxBodyBytes),
  };
}

/** What does not come out even the first workers have. */
function partOf(settings: Settings, key: typeof DIVIDED[number], { number, count }: Part): number {
  const whole = settings[key];
  if (whole < count) {
    throw new ConfigError([{
      place: flagOf(settingOf(key)),
      problem: `found ${whole} for ${count} workers`,
      remedy: "Set one for each of them at least.",
    }]);
  }
  return Math.floor(whole / count) + (number <= whole % count ? 1 : 0);
}

/** A chain of lines is one process's: `audit.jsonl` becomes `audit.worker-2.jsonl`. */
function auditOf(target: AuditTarget, number: number): AuditTarget {
  if (target.kind !== "file") return target;
  const [, before = target.path, extension = ""] = /^(.*[^/])(\.[^./]+)$/.exec(target.path) ?? [];
  return { kind: "file", path: `${before}.worker-${number}${extension}` };
}
