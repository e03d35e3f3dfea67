// What the envelope costs: cold open, seal, and forged ids of every length up to the cap, against PERFORMANCE.md's
// targets. Interleaved rounds and medians, so that a busy machine slows all rows alike; ratios travel, figures do not.
//
//   deno run -A scripts/bench_envelope.ts [--rounds N] [--json]
import { randomBytes, randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { base62Length } from "../lib/envelope/base62.ts";
import { ephemeralKeyRing } from "../lib/envelope/key_ring.ts";
import { DEFAULT_MAX_LENGTH } from "../lib/envelope/seal.ts";
import { fingerprintOwner, newSid, openSession, type SealedSession, sealSession } from "../lib/envelope/session_id.ts";

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "41" }, json: { type: "boolean", default: false } },
});
const ROUNDS = Number(flags.rounds);
/** Calls a round: long enough for the clock, short enough that every row meets the same noise. */
const CALLS = 400;
const COLD_OPEN = "cold open, typical id";

const ring = ephemeralKeyRing(randomBytes);
const key = ring.active;

/** What an MCP client and one upstream give: PERFORMANCE.md's "typical id". `padding` grows it by that many bytes. */
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

/** The same id with one character near its end changed: everything holds but the tag. */
function tampered(id: string): string {
  const at = id.length - 30;
  return id.slice(0, at) + (id[at] === "0" ? "1" : "0") + id.slice(at + 1);
}

/** An authentic start, then noise: the dearest forgery of its length. */
function forged(length: number): string {
  return (typical.slice(0, 44) + "1".repeat(length)).slice(0, length);
}

interface Row {
  readonly name: string;
  readonly run: () => unknown;
  readonly micros: number[];
}

const typicalSession = sessionOf(0);
const typical = sealSession(key, typicalSession);
const longest = sealSession(key, sessionOf(2_640));

const rows: Row[] = [];
const add = (name: string, run: () => unknown) => rows.push({ name, run, micros: [] });

add(COLD_OPEN, () => openSession(ring, typical));
add("seal, typical session", () => sealSession(key, typicalSession));
add(`cold open, id of ${longest.length}`, () => openSession(ring, longest));
add("forged: one character changed", () => openSession(ring, tampered(typical)));
add("forged: unknown key, at the cap", () => openSession(ring, "0".repeat(DEFAULT_MAX_LENGTH)));
add("forged: 64 Ki characters", () => openSession(ring, "0".repeat(65_536)));
/** Lengths that some byte string has, so that decoding goes all the way. */
const possible = new Set(Array.from({ length: 3000 }, (_, bytes) => base62Length(bytes)));
for (const wanted of [62, 128, 256, typical.length, 512, 1024, 2048, longest.length, DEFAULT_MAX_LENGTH]) {
  let length = wanted;
  while (!possible.has(length)) length--;
  const text = forged(length);
  const opened = openSession(ring, text);
  if (opened.ok || opened.reason !== "tag") throw new Error(`a forgery of ${length} did not get as far as the tag`);
  add(`forged: authentic start, ${length}`, () => openSession(ring, text));
}

for (let round = -5; round < ROUNDS; round++) {
  for (const row of rows) {
    const start = performance.now();
    for (let call = 0; call < CALLS; call++) row.run();
    if (round >= 0) row.micros.push((performance.now() - start) * 1000 / CALLS);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

const base = median(rows[0]!.micros);
const table = rows.map(({ name, micros }) => ({
  name,
  medianMicros: Number(median(micros).toFixed(2)),
  bestMicros: Number(Math.min(...micros).toFixed(2)),
  ratio: Number((median(micros) / base).toFixed(2)),
}));
if (flags.json) {
  console.log(JSON.stringify({ typicalLength: typical.length, rows: table }));
} else {
  console.log(`A typical id has ${typical.length} characters. ${ROUNDS} rounds of ${CALLS} calls.\n`);
  console.log(`${"".padEnd(36)}median µs   best µs   ratio to cold open`);
  for (const { name, medianMicros, bestMicros, ratio } of table) {
    console.log(
      name.padEnd(36) + medianMicros.toFixed(2).padStart(9) + bestMicros.toFixed(2).padStart(10) +
        ratio.toFixed(2).padStart(9),
    );
  }
}
