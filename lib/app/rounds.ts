// What is done again and again while Signet serves, and how often.
import type { GatewayParts } from "../gateway/parts.ts";
import type { Http1Server } from "../http1/server/server.ts";
import type { LifeEvent } from "../observe/observers.ts";
import type { Lasting } from "./lasting.ts";

/** How often the audit log's file is looked at. */
const AUDIT_CHECK_MS = 10_000;
/** How soon a revocation that another process has written to the state file ends open streams here. */
const REVOCATION_POLL_MS = 100;
/** The same of a store that says so itself: for the case that its word was lost. */
const SHARED_REVOCATION_POLL_MS = 5000;
/** How often the name service is asked for other replicas. */
const DISCOVERY_MS = 5000;
/** How often open streams are looked at for silence. */
const STREAM_TICK_MS = 1000;
/** How often it is somebody's turn, of what is under way, to be asked about again. */
const ASK_TICK_MS = 100;

interface RoundsOptions {
  readonly lasting: Lasting;
  readonly server: Http1Server;
  /** Those in force at the moment. */
  readonly parts: () => GatewayParts;
  readonly sweepIntervalMs: number;
  readonly maxConnections: () => number;
  readonly tell: (event: Omit<LifeEvent, "atMs">) => void;
}

/** Begin when they are made. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #timers: ReturnType<typeof setInterval>[];
  /** Connections refused that the log has told of. */
  #refusedTold = 0;
  /** Whether it has been said that the list of revocations cannot be read. */
  #isUnread = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
    const { lasting, parts, sweepIntervalMs } = options;
    const { registry, keepAlive, underWay, log, audit, store: { shared }, replicas, places, now } = lasting;
    this.#timers = [
      setInterval(() => registry.sweep(now()), sweepIntervalMs),
      setInterval(() => keepAlive.tick(), STREAM_TICK_MS),
      setInterval(() => underWay.askAgain(parts(), now()), ASK_TICK_MS),
      setInterval(() => log.summarize(), STREAM_TICK_MS),
      setInterval(() => void audit?.check(), AUDIT_CHECK_MS),
      setInterval(() => this.#tellRefusedConnections(), STREAM_TICK_MS),
      setInterval(
        () => this.#pollRevocations(),
        shared === undefined ? REVOCATION_POLL_MS : SHARED_REVOCATION_POLL_MS,
      ),
      setInterval(() => replicas.discover(), DISCOVERY_MS),
      setInterval(() => places?.touch(registry.sessions()), STREAM_TICK_MS),
    ];
    shared?.watchRevocations(() => this.#pollRevocations());
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** They are turned away before there is a request to answer, so that a line counts them (V1). */
  #tellRefusedConnections(): void {
    const { server, lasting: { log }, maxConnections, tell } = this.#options;
    const refused = server.stats.connectionsRefused;
    const count = refused - this.#refusedTold;
    if (count === 0) return;
    tell({ event: "connection.refuse", count });
    this.#refusedTold = refused;
    log.warn("connections refused: there are as many as may be", {
      ...{ code: "connection_limit", count, limit: maxConnections() },
      remedy: "Raise --max-connections and the limit of open files, or add replicas.",
    });
  }

  async #pollRevocations(): Promise<void> {
    const { revocations, store, log } = this.#options.lasting;
    try {
      await revocations.poll();
      this.#isUnread = false;
    } catch (error) {
      // What a shared store that is away says of itself is said once (replicas/shared_store.ts), and of one that answers this.
      if (this.#isUnread || store.shared?.state().up === false) return;
      this.#isUnread = true;
      log.warn("the list of revocations cannot be read", { cause: (error as Error).message });
    }
  }
}
