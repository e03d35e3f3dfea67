// First starts that fail, held back for the principal that asks for them alone: a caller whose credential or handshake
// the server cannot bear does not keep the others out, nor the machine busy (BEHAVIOUR.md B5).
import { SignetError } from "../../errors.ts";
import type { Timers } from "../timers.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";

const FAULTS_OF_THE_SERVER: ReadonlySet<string> = new Set(["upstream_unreachable", "upstream_timeout"]);
/** Principals whose failures are remembered; the oldest are forgotten first. */
const MAX_PRINCIPALS = 1000;

export class StartGate {
  readonly #options: BackoffOptions;
  readonly #timers: Timers;
  readonly #failed = new Map<string, Backoff>();

  constructor(options: BackoffOptions, timers: Timers) {
    this.#options = options;
    this.#timers = timers;
  }

  get size(): number {
    return this.#failed.size;
  }

  /** @throws SignetError `upstream_unreachable` while starts of this principal are held back */
  assertOpen(principal: string): void {
    const delayMs = this.#failed.get(principal)?.delayMs(this.#timers.now()) ?? 0;
    if (delayMs === 0) return;
    throw new SignetError("upstream_unreachable", {
      publicMessage: "Bad gateway: the MCP server keeps failing to start",
      retryAfterS: Math.ceil(delayMs / 1000),
      remedy: "the MCP server's own lines in this log should say why; try the command by itself",
    });
  }

  /** Counts what the server is to blame for; limits and clients that leave are not. */
  fail(principal: string, error: unknown): void {
    if (!(error instanceof SignetError) || !FAULTS_OF_THE_SERVER.has(error.code)) return;
    const backoff = this.#failed.get(principal) ?? new Backoff(this.#options);
    backoff.fail(this.#timers.now());
    this.#failed.delete(principal);
    this.#failed.set(principal, backoff);
    if (this.#failed.size > MAX_PRINCIPALS) this.#failed.delete(this.#failed.keys().next().value!);
  }

  succeed(principal: string): void {
    this.#failed.delete(principal);
  }
}
