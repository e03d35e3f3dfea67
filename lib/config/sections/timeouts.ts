// How long is waited for whom.
import { rowsOf } from "../setting.ts";
import { duration } from "../values/quantities.ts";
import { DAY, HOUR, MINUTE, SECOND, upTo } from "../values/units.ts";

const rows = rowsOf("Time-outs");

export const TIMEOUTS = {
  connectTimeoutMs: rows.one(upTo(10 * MINUTE), {
    name: "connect-timeout",
    default: 5 * SECOND,
    doc: "For one attempt to connect to the upstream",
  }),
  connectPatienceMs: rows.one(upTo(10 * MINUTE, true), {
    name: "connect-patience",
    default: 2 * SECOND,
    doc: "How long a refused connection is tried again, for an upstream that restarts; 0 = once",
  }),
  responseTimeoutMs: rows.one(upTo(DAY, true), {
    name: "response-timeout",
    default: 0,
    doc: "For the upstream to begin its answer; 0 = none, as tools may take their time",
  }),
  parkTimeoutMs: rows.one(upTo(DAY), {
    name: "park-timeout",
    default: 10 * MINUTE,
    doc: "For a stateless client to answer what a server with sessions has asked it in mid-call",
  }),
  headTimeoutMs: rows.one(upTo(10 * MINUTE), {
    name: "head-timeout",
    default: 10 * SECOND,
    doc: "For a client to send a whole request head",
  }),
  bodyTimeoutMs: rows.one(upTo(HOUR), {
    name: "body-timeout",
    default: 30 * SECOND,
    doc: "For a client to send the next bytes of a body, and in all for bodies slower than 2 KB/s",
  }),
  writeTimeoutMs: rows.one(upTo(HOUR), {
    name: "write-timeout",
    default: 30 * SECOND,
    doc: "For a client to take the next bytes of an answer, before its connection is cut",
  }),
  idleTimeoutMs: rows.one(upTo(HOUR), {
    name: "idle-timeout",
    default: 75 * SECOND,
    doc: "How long a client connection is kept between requests",
  }),
  sseKeepAliveMs: rows.one(duration({ min: 100, max: HOUR, orZero: true }), {
    name: "sse-keep-alive",
    default: 15 * SECOND,
    doc: "Between keep-alive comments on a quiet event stream; 0 = none",
  }),
  drainDelayMs: rows.one(upTo(HOUR, true), {
    name: "drain-delay",
    default: 0,
    doc: "Between not being ready and closing the port, for balancers to notice; everything is served meanwhile",
  }),
  drainTimeoutMs: rows.one(upTo(HOUR, true), {
    name: "drain-timeout",
    default: 10 * SECOND,
    doc: "For requests and streams to end after SIGTERM, before they are cut",
  }),
} as const;
