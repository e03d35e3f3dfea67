// What the envelope costs: cold open, seal, and forged ids of every length up to the cap, against BENCHMARKS.md's
// targets. Interleaved rounds and medians, so that a busy machine slows all rows alike; ratios travel, figures do not.
//
//   deno run -A scripts/bench_envelope.ts [--rounds N] [--json]
import { randomBytes, randomUUID } from "node:crypto";
import { ephemeralKeyRing } from "../lib/envelope/key_ring.ts";
import { fingerprintOwner } from "../lib/envelope/owner_fingerprint.ts";
import { DEFAULT_MAX_LENGTH } from "../lib/envelope/seal.ts";
import { newSid, openSession, sealSession } from "../lib/envelope/session_id.ts";
import type { SealedSession } from "../lib/envelope/session_payload.ts";
import { median } from "./bench/report.ts";
import { readOptions } from "./options.ts";

const flags = readOptions(import.meta.url, {
  rounds: { type: "string", default: "41" },
  json: { type: "boolean", default: false },
});
const ROUNDS = Number(flags.rounds);
/** Calls a round: long enough for the clock, short enough that every row meets the same noise. */
const CALLS = 400;

const ring = ephemeralKeyRing(randomBytes);
const key = ring.active;

/** What an MCP client and one upstream give: BENCHMARKS.md's "typical id". `padding` grows it by that many bytes. */
function sessionOf(padding: number): SealedSession {
  const issuedAtMs = Date.now();
  return {
    sid: newSid(randomBytes),
    owner: fingerprintOwner(key, { issuer: "https://login.example.com/", subject: "248289761001" }),
    issuedAtMs,
    expiresAtMs: issuedAtMs + 24 * 3_600_000,
    protocolVersion: "2025-11-25",
    clientInfo: { name: "example-client", version: "1.0.0" },
    capabilities: { roots: { listChanged: true } },
    upstreams: {
      "http://127.0.0.1:3000/mcp": {
        "mcp-session-id": randomUUID(),
        ...(padding === 0 ? {} : { "x-tenant": "t".repeat(padding) }),
      },
    },
  };
}

/** An authentic start, then noise: the dearest forgery there is, refused by the tag alone. */
function forged(length: number): string {
  return (typical.slice(0, 44) + "1".repeat(length)).slice(0, length);
}

interface Row {
  readonly name: string;
  readonly run: () => unknown;
  readonly micros: number[];
  /** The authentic id of the same length. */
  readonly peer?: Row;
}

const typicalSession = sessionOf(0);
const typical = sealSession(key, typicalSession);

const rows: Row[] = [];
function add(name: string, run: () => unknown, peer?: Row): Row {
  const row = { name, run, micros: [], ...peer === undefined ? {} : { peer } };
  rows.push(row);
  return row;
}

/** A row for an authentic id, and one for a forgery of exactly its length. */
function addPair(name: string, id: string): Row {
  const forgery = forged(id.length);
  const opened = openSession(ring, forgery);
  if (opened.ok || opened.reason !== "tag") throw new Error(`a forgery of ${id.length} did not get as far as the tag`);
  const authentic = add(name, () => openSession(ring, id));
  add(`  forged, ${id.length}`, () => openSession(ring, forgery), authentic);
  return authentic;
}

const base = addPair(`cold open, typical id of ${typical.length}`, typical);
for (const padding of [100, 400, 1150, 2640]) {
  const id = sealSession(key, sessionOf(padding));
  addPair(`cold open, id of ${id.length}`, id);
}
add("forged, shortest (62)", () => openSession(ring, forged(62)));
add(`forged, at the cap, no such key`, () => openSession(ring, "0".repeat(DEFAULT_MAX_LENGTH)));
add("forged, 64 Ki characters", () => openSession(ring, "0".repeat(65_536)));
add("seal, typical session", () => sealSession(key, typicalSession));

for (let round = -5; round < ROUNDS; round++) {
  for (const row of rows) {
    const start = performance.now();
    for (let call = 0; call < CALLS; call++) row.run();
    if (round >= 0) row.micros.push((performance.now() - start) * 1000 / CALLS);
  }
}

const baseMicros = median(base.micros);
const table = rows.map(({ name, micros, peer }) => ({
  name,
  medianMicros: median(micros),
  bestMicros: Math.min(...micros),
  toTypicalOpen: median(micros) / baseMicros,
  ...peer === undefined ? {} : { toOpenOfItsLength: median(micros) / median(peer.micros) },
}));
if (flags.json) {
  console.log(JSON.stringify({ typicalLength: typical.length, rows: table }));
} else {
  const cell = (value: number | undefined) => (value?.toFixed(2) ?? "").padStart(16);
  console.log(`${ROUNDS} rounds of ${CALLS} calls, interleaved; µs a call and ratios of medians.\n`);
  console.log(
    "".padEnd(34) + ["median", "best", "to typical open", "to its length"].map((t) => t.padStart(16)).join(""),
  );
  for (const { name, medianMicros, bestMicros, toTypicalOpen, toOpenOfItsLength } of table) {
    console.log(name.padEnd(34) + [medianMicros, bestMicros, toTypicalOpen, toOpenOfItsLength].map(cell).join(""));
  }
}
