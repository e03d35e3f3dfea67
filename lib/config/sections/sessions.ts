// How long sessions live, what they remember, and how strictly their callers are told apart (L7, L8, E9, I2, O5).
import { rowsOf } from "../setting.ts";
import { choice, headerName } from "../values/kinds.ts";
import { duration } from "../values/quantities.ts";
import { DAY, HOUR, MINUTE, SECOND, upTo } from "../values/units.ts";

const rows = rowsOf("Sessions");

/** No configuration lets a session live longer: how long a refusal of sessions must be kept to reach all of them. */
export const MAX_SESSION_TTL_MS = 365 * DAY;

export const SESSIONS = {
  sessionTtlMs: rows.one(duration({ min: SECOND, max: MAX_SESSION_TTL_MS }), {
    name: "session-ttl",
    default: 24 * HOUR,
    doc: "How long a session id is valid, whatever happens",
  }),
  sessionIdleMs: rows.one(duration({ min: SECOND, max: 365 * DAY }), {
    name: "session-idle",
    default: 15 * MINUTE,
    doc: "After how long without use a session's resources are freed; its id stays valid",
  }),
  yieldAfterMs: rows.one(duration({ min: 0, max: 365 * DAY }), {
    name: "yield-after",
    default: 30 * SECOND,
    doc:
      "A caller at its own cap makes room with the session, or server process, that it has not used for longest, if for this long at least",
  }),
  sweepIntervalMs: rows.one(duration({ min: 100, max: HOUR }), {
    name: "sweep-interval",
    default: 30 * SECOND,
    doc: "How often idle and expired sessions are looked for",
  }),
  sealHeaders: rows.many(headerName, {
    name: "seal-header",
    doc: "A header of the initialize request sealed into the id and sent with every request of the session",
  }),
  transientHeaders: rows.many(headerName, {
    name: "transient-header",
    doc:
      "Like --seal-header, but kept in memory only and replaced on every initialize; 8,192 characters of all at most",
  }),
  sealState: rows.one(choice(["on", "off"]), {
    name: "seal-state",
    default: "on",
    doc:
      "Seal what stateless clients bring back (request state, task ids, cursors) to its owner; off for a server that does so itself",
  }),
  cancelOnDisconnect: rows.flag({
    name: "cancel-on-disconnect",
    doc: "Cancel a call when its client disconnects; by default it runs on",
  }),
  sessionOnly: rows.flag({
    name: "session-only",
    doc: "Let requests without a credential use the identity their session was opened with",
  }),
  identityTtlMs: rows.one(upTo(DAY), {
    name: "identity-ttl",
    default: 15 * MINUTE,
    doc: "How long --session-only keeps an identity, if its credential does not end before",
  }),
  forwardCredential: rows.flag({
    name: "forward-credential",
    doc: "With --session-only, send the credential of initialize upstream for requests that have none",
  }),
  adopt: rows.flag({
    name: "adopt",
    doc: "Accept upstream ids Signet never issued: the first caller owns them. For a roll-out only",
  }),
  compatStatus: rows.one(choice([404, 410, 401]), {
    name: "compat-status",
    default: 404,
    doc: "Status for a session id that does not open; MCP says 404, some older clients want another",
  }),
  fullLane: rows.flag({ name: "full-lane", doc: "Send every request down the full lane, for diagnosis" }),
} as const;
