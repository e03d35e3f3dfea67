// Settings that bound all of Signet: each of several workers has a part of them, so that together they keep the bound, but
// for memory for one body each (docs/behaviour.md M1).
import type { SettingKey, Settings } from "./schema.ts";

export const DIVIDED = [
  "maxSessions",
  "maxConnections",
  "maxStreams",
  "maxInFlight",
  "maxBufferedBytes",
  "maxProcesses",
] as const satisfies readonly SettingKey[];

/** How many workers there can be at most for each to have a part of everything. */
export function mostWorkers(settings: Pick<Settings, typeof DIVIDED[number]>): number {
  return Math.min(...DIVIDED.map((key) => settings[key]));
}
