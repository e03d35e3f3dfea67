// What is bounded, and at what (M1–M3).
import { rowsOf } from "../setting.ts";
import { integer, size } from "../values/quantities.ts";
import { GIB, KIB, MIB } from "../values/units.ts";

const rows = rowsOf("Limits");

export const LIMITS = {
  maxSessions: rows.one(integer({ min: 1, max: 10_000_000 }), {
    name: "max-sessions",
    default: 10_000,
    doc: "Sessions at a time; beyond it 503. Those that stateless clients share at a server are counted for themselves",
  }),
  maxSessionsPerPrincipal: rows.one(integer({ min: 1, max: 10_000_000 }), {
    name: "max-sessions-per-principal",
    default: 100,
    doc:
      "Sessions of one caller at a time; beyond it 429. Those that its stateless clients share at a server are counted for themselves",
  }),
  maxConnections: rows.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-connections",
    default: 20_000,
    doc:
      "Client connections at a time, fewer where the limit of open files is lower; beyond it the slowest without a proven caller gives way, then the one idle longest, then the slowest with its request; else 503",
  }),
  maxStreams: rows.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-streams",
    default: 10_000,
    doc: "Open listening streams (GET) at a time; beyond it 503",
  }),
  maxInFlight: rows.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-in-flight",
    default: 4096,
    doc: "Requests being served at a time; beyond it 503",
  }),
  maxInFlightPerPrincipal: rows.optional(integer({ min: 1, max: 1_000_000 }), {
    name: "max-in-flight-per-principal",
    doc: "Requests of one caller being served at a time, where that is to be less than its share; beyond it as a rate",
  }),
  principalShare: rows.one(integer({ min: 1, max: 100 }), {
    name: "principal-share",
    default: 50,
    doc:
      "Percent of all streams, requests, connections in use and memory for bodies that one caller may have at a time; beyond it 429. Of sessions and processes too, where the number for one caller is no less than that of all. Anonymous callers are one caller, and have no such bound where all are",
  }),
  maxCallsPerSession: rows.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-calls-per-session",
    default: 100,
    doc: "Requests of one session being served at a time; beyond it 429",
  }),
  maxStreamsPerSession: rows.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-streams-per-session",
    default: 16,
    doc: "Open listening streams of one session at a time; beyond it 429",
  }),
  maxBodyBytes: rows.one(size({ min: KIB, max: GIB }), {
    name: "max-body",
    default: 4 * MIB,
    doc: "Largest request body; beyond it 413",
  }),
  maxBufferedBytes: rows.one(size({ min: MIB, max: 64 * GIB }), {
    name: "max-buffered",
    default: 256 * MIB,
    doc: "Memory for heads, bodies and what waits for the slow, together; beyond it 503",
  }),
  maxHeadBytes: rows.one(size({ min: 4 * KIB, max: 256 * KIB }), {
    name: "max-head",
    default: 16 * KIB,
    doc: "Largest request or response head; beyond it 431 or 502",
  }),
  maxIdLength: rows.one(integer({ min: 512, max: 65_536 }), {
    name: "max-id-length",
    default: 4096,
    doc: "Longest session id in characters, checked before anything is decoded",
  }),
  maxJsonDepth: rows.one(integer({ min: 8, max: 1000 }), {
    name: "max-json-depth",
    default: 64,
    doc: "Deepest nesting of a JSON body",
  }),
} as const;
