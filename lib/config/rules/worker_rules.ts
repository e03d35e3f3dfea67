// What several workers of one machine need of the other settings (docs/behaviour.md R1, R4, R5): whatever would lead to one
// process alone, while any of them may take the next connection, is refused with its cure.
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import { DIVIDED } from "../divided.ts";
import type { SettingKey, Settings } from "../schema.ts";
import { wireOf } from "../values/upstream_address.ts";
import type { Bench, Rule } from "./rule.ts";

/** Whether a session's upstream is in the memory of the process it was opened in: a stdio server, several, HTTP+SSE. */
function bindsSessions({ command, upstreams }: Pick<Settings, "command" | "upstreams">): boolean {
  const [only, ...more] = upstreams;
  return command.length > 0 || more.length > 0 ||
    (only !== undefined && (only.command.length > 0 || wireOf(only).isSse));
}

/** Settings that stand in the memory of one process, and what would go wrong. */
const OF_ONE_PROCESS: readonly (readonly [key: SettingKey, problem: string, remedy: string])[] = [
  ["sessionOnly", "the identities it lends are in one worker's memory", "Leave it out, or serve with one worker."],
  ["adopt", "two workers could let two callers adopt the same id", "Leave it out, or serve with one worker."],
  [
    "legacySse",
    "a client's messages have to reach the worker that has its stream",
    "Leave it out, or serve with one worker.",
  ],
  // Authorization servers that replace them take a second use for theft, and end the grant (RFC 9700 §4.14.2).
  [
    "credentialRefreshTokenFile",
    "a refresh token that one worker has used is worthless to the others",
    "Serve with one worker, or let --credential be client-credentials or command.",
  ],
  [
    "advertise",
    "one address leads to all of the workers",
    "Leave one of the two out: run more replicas with a worker each, or one Signet with workers.",
  ],
];

function judgeWorkers({ settings, problem }: Bench): void {
  const { workers, audit, store } = settings;
  if (workers === 1) return;
  for (const [key, what, remedy] of OF_ONE_PROCESS) {
    if (settings[key] === undefined || settings[key] === false) continue;
    problem(key, `with --workers ${what}`, remedy);
  }
  if (audit?.kind === "stdout") {
    problem(
      "audit",
      "each worker's lines are a chain of their own, which one stream would mix",
      "Name a file, of which each worker gets one (audit.worker-1.jsonl), or syslog:….",
    );
  }
  if (store === "memory" || !isOfThisMachine(settings)) return;
  problem(
    "store",
    "other machines cannot reach the servers behind these workers",
    "Leave it out: workers share what they must without it. For replicas on several machines leave out --workers.",
  );
}

/** Each worker has a part of what bounds all of them. `auto` is never more than there are parts. */
function judgeParts({ settings, problem }: Bench): void {
  const { workers } = settings;
  if (workers === "auto") return;
  for (const key of DIVIDED) {
    if (settings[key] >= workers) continue;
    problem(
      key,
      `with ${workers} workers ${settings[key]} cannot be divided among all of them`,
      `Write ${workers} at least, or have fewer workers.`,
    );
  }
}

/** Whether no other machine reaches the server under the same address. */
function isOfThisMachine(settings: Settings): boolean {
  const [only] = settings.upstreams;
  return bindsSessions(settings) || only === undefined || only.port === 0 || isLoopbackHost(only.hostname);
}

export const WORKER_RULES: readonly Rule[] = [
  [
    [
      "workers",
      "sessionOnly",
      "adopt",
      "legacySse",
      "credentialRefreshTokenFile",
      "advertise",
      "audit",
      "store",
      "upstreams",
      "command",
    ],
    judgeWorkers,
  ],
  [["workers", ...DIVIDED], judgeParts],
];
