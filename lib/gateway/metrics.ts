// What the gateway counts. Plain numbers on the hot path; names and text in lib/app/metrics/, when somebody scrapes.
import type { RerunOutcome } from "../bridge/limits.ts";
import { ERROR_KINDS, type ErrorCode } from "../errors.ts";
import { Counter, Histogram, LabelledCounter, type Sample } from "../observe/metrics.ts";
import { CarriedCounts } from "./carried_counts.ts";
import { ExchangeCounts } from "./exchange_counts.ts";

/** Seconds. Sidecar hops are tens of microseconds, tools may take minutes. */
const LATENCY_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const CODES = Object.keys(ERROR_KINDS) as ErrorCode[];

/** What came of what was lost. */
export type ReplayOutcome = "repeated" | "not_repeated" | RerunOutcome;

/** What came of the last initialize; a code is that of a failure, as `signet explain` knows it. */
export type Handshake =
  | "not tried yet"
  | "answered"
  | "no MCP server answers at this path"
  | `refused with status ${number}`
  | `failed: ${ErrorCode}`;

export class GatewayMetrics {
  readonly fastLane = new Counter();
  readonly fullLane = new Counter();
  readonly initialized = new Counter();
  readonly deleted = new Counter();
  readonly modern = new Counter();
  readonly clientAborts = new Counter();
  /** Requests and streams under way that were cut because they would have been refused by then. */
  readonly withdrawn = new Counter();
  readonly upstreamLatency = new Histogram(LATENCY_BOUNDS);
  readonly exchanges = new ExchangeCounts();
  /** The same of what was sent to a server for them; counted only where it is exported. */
  readonly sent: ExchangeCounts | undefined;
  /** How attempts to bring a lost upstream session back ended. */
  readonly resurrections = new LabelledCounter<
    "ok" | "refused" | "unreachable" | "version_changed" | "too_often" | "ended"
  >([
    "ok",
    "refused",
    "unreachable",
    "version_changed",
    "too_often",
    "ended",
  ]);
  /**
   * Requests of lost sessions: sent once more, or not, because they may have been run. Calls lost while they waited for
   * their clients: run again, since their tools may be, or not.
   */
  readonly replays = new LabelledCounter<ReplayOutcome>(["repeated", "not_repeated", "rerun", "not_rerun"]);
  /** What the upstream has last said to an initialize, for whoever asks whether it works. */
  lastHandshake: Handshake = "not tried yet";
  /** Values that stateless clients brought back (S1). */
  readonly carried = new CarriedCounts();
  /** Requests Signet itself refused or failed, those that the HTTP engine does not let in included. */
  readonly refusals = new LabelledCounter<ErrorCode>(CODES);

  constructor({ countsSent = false }: { readonly countsSent?: boolean } = {}) {
    this.sent = countsSent ? new ExchangeCounts() : undefined;
  }

  /** By status and code. */
  refusalSamples(): Sample[] {
    return CODES.map((code) => [[String(ERROR_KINDS[code].status), code], this.refusals.get(code)]);
  }
}
