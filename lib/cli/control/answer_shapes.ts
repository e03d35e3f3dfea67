// What an answer of the operators' API must hold at least, told by an example: other programs answer JSON as well, and a
// Signet of another version may say less. Whoever shows an answer reads nothing of it that its example has not.
import { isJsonObject } from "../../platform/json.ts";

const TOKEN = { sid: "", agent: "", expiresAtS: 0 };
const SESSION = {
  ...{ hash: "", owner: "", protocolVersion: "" },
  ...{ issuedAtMs: 0, expiresAtMs: 0, lastActiveMs: 0, inFlight: 0 },
};

/** By the question. A list's one element is the example of all of them. */
export const EXAMPLE = {
  issued: { ...TOKEN, token: "" },
  holds: { ok: true, token: TOKEN },
  fails: { ok: false, step: "" },
  revoked: { revoked: 0 },
  tokens: { tokens: [TOKEN] },
  sessions: { sessions: [SESSION], total: 0 },
  ended: { ended: 0 },
  stopping: { drainTimeoutMs: 0 },
  level: { level: "" },
  reloaded: { reloaded: true, restart: [""] },
  state: {
    ...{ version: "", nowMs: 0, startedAtMs: 0, ready: true, draining: true, checks: {} },
    requests: { fast: 0, full: 0, stateless: 0 },
    ...{ refusals: {}, latency: { boundsS: [0], counts: [0] } },
    sessions: { opened: 0, deleted: 0, ended: {}, resurrected: {} },
    ...{ use: {}, residentBytes: 0, log: { suppressed: 0, dropped: 0 } },
    upstream: { kind: "", servers: [{ name: "", state: "" }] },
  },
} as const;

/** Whether `value` has all that the example has, each of its kind. */
export function isLike(value: unknown, example: unknown): boolean {
  if (Array.isArray(example)) return Array.isArray(value) && value.every((each) => isLike(each, example[0]));
  if (!isJsonObject(example)) return typeof value === typeof example;
  return isJsonObject(value) &&
    Object.entries(example).every(([name, part]) => isLike(Object.hasOwn(value, name) ? value[name] : undefined, part));
}
