// First starts that fail, held back for the caller that asks for them alone: a caller whose credential or handshake
// the server cannot bear does not keep the others out, nor the machine busy (docs/behaviour.md B5).
import { SignetError } from "../errors.ts";
import type { Timers } from "../platform/time/timers.ts";
import type { OwnerKey } from "../session/caller.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";

const FAULTS_OF_THE_SERVER: ReadonlySet<string> = new Set(["upstream_unreachable", "upstream_timeout"]);
/** Owners whose failures are remembered; the oldest are forgotten first. */
const MAX_OWNERS = 1000;

export class StartGate {
  readonly #options: BackoffOptions;
  readonly #timers: Timers;
  readonly #failed = new Map<OwnerKey, Backoff>();

  constructor(options: BackoffOptions, timers: Timers) {
    this.#options = options;
    this.#timers = timers;
  }

  get size(): number {
    return this.#failed.size;
  }

  /** @throws SignetError `upstream_unreachable` while starts of this owner are held back */
  assertOpen(owner: OwnerKey): void {
    const delayMs = this.#failed.get(owner)?.delayMs(this.#timers.now()) ?? 0;
    if (delayMs === 0) return;
    throw new SignetError("upstream_unreachable", {
      publicMessage: "Bad gateway: the MCP server keeps failing to start",
      retryAfterS: Math.ceil(delayMs / 1000),
      remedy: "The MCP server's own lines in this log should say why; try the command by itself.",
    });
  }

  /** Counts what the server is to blame for; limits and clients that leave are not. */
  fail(owner: OwnerKey, error: unknown): void {
    if (!(error instanceof SignetError) || !FAULTS_OF_THE_SERVER.has(error.code)) return;
    const backoff = this.#failed.get(owner) ?? new Backoff(this.#options);
    backoff.fail(this.#timers.now());
    this.#failed.delete(owner);
    this.#failed.set(owner, backoff);
    if (this.#failed.size > MAX_OWNERS) this.#failed.delete(this.#failed.keys().next().value!);
  }

  succeed(owner: OwnerKey): void {
    this.#failed.delete(owner);
  }
}
