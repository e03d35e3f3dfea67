// Everything under way, and whether it still may be: a request is let in once, but a stream or a long call lasts, and
// what let it in may end meanwhile (docs/protocol.md 8). So each keeps its proof, the request itself, and is put to the
// same question again within every second, under the settings of the moment. The one way to begin anything that lasts.
import { SignetError } from "../../errors.ts";
import type { Parsed } from "../../mcp/messages/json_rpc.ts";
import type { Logger } from "../../observe/log.ts";
import { LinkedList } from "../../platform/memory/linked_list.ts";
import { isWithin } from "../../platform/time/time_of_day.ts";
import type { Caller } from "../../session/caller.ts";
import type { Limits } from "../../session/limits/limits.ts";
import type { SessionRegistry } from "../../session/registry.ts";
import type { EndReason } from "../../session/session.ts";
import type { Authentication } from "../in/authenticate.ts";
import { type Guard, guardProblem } from "../in/guard.ts";
import { hopProblem } from "../in/hop_problem.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { type Asked, InFlight } from "./in_flight.ts";
import { DEFAULT_PERIODS, type Periods } from "./periods.ts";

/** What a request is judged by at the door, as it is set now; `GatewayParts` fits. */
export interface DoorParts {
  readonly guard: Guard;
  readonly authentication: Authentication;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  readonly registry: Pick<SessionRegistry, "ring">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Questions that every round asks, however busy the machine is: some microseconds each, at most. */
const LEAST_ASKED = 512;
/** Further questions between two looks at the clock. */
const CLOCK_EVERY = 32;

/** What a body brings, at least one: whoever has not read it has seen that it is no batch. */
function callsIn(parsed: Parsed | undefined): number {
  if (parsed?.kind !== "batch") return 1;
  return Math.max(1, parsed.messages.filter(({ kind }) => kind === "request").length);
}

export interface UnderWayOptions {
  readonly limits: Limits;
  readonly lifecycle: { readonly draining: boolean };
  readonly periods?: Partial<Periods>;
}

export class UnderWay {
  readonly #options: UnderWayOptions;
  readonly #periods: Periods;
  /** Longest unasked first. */
  readonly #list = new LinkedList<InFlight>();
  #size = 0;
  #streams = 0;
  /** Questions that nobody has answered yet. */
  #asking = 0;

  constructor(options: UnderWayOptions) {
    this.#options = options;
    this.#periods = { ...DEFAULT_PERIODS, ...options.periods };
  }

  /** Requests under way. */
  get size(): number {
    return this.#size;
  }

  /** Those of them that listen. */
  get streams(): number {
    return this.#streams;
  }

  /**
   * Must be ended on every path. A `stream` stays open until somebody ends it, a `call` ends by itself.
   * @throws SignetError `principal_limit`, `request_limit`; `draining` for a stream, which would hold it up (P2)
   */
  begin(asked: Asked, kind: "call" | "stream"): InFlight {
    const { limits, lifecycle } = this.#options;
    const isStream = kind === "stream";
    if (isStream && lifecycle.draining) throw new SignetError("draining", { retryAfterS: 1 });
    const { principalKey } = asked.caller;
    const what = isStream ? "streams" : "requests";
    const count = isStream ? 1 : callsIn(asked.inbound.parsed);
    const room = limits.roomFor(what, principalKey, count);
    this.#size++;
    if (isStream) this.#streams++;
    const inFlight = new InFlight(asked, what, room, count);
    this.#list.append(inFlight);
    return inFlight;
  }

  /** Again: nothing. */
  end(inFlight: InFlight): void {
    if (inFlight.released) return;
    inFlight.release();
    inFlight.noteEnd();
    this.#list.remove(inFlight);
    this.#size--;
    if (inFlight.kind === "stream") this.#streams--;
  }

  /** Ends every stream: they would never end by themselves. */
  endStreams(reason: EndReason): void {
    for (const inFlight of this.#all()) if (inFlight.kind === "stream") inFlight.abort(reason);
  }

  /** Cuts what `concerned` says of its caller and the time of its request, in ms since the epoch. */
  cut(reason: EndReason, concerned: (caller: Caller, sinceMs: number) => boolean): void {
    for (const inFlight of this.#all()) {
      if (!inFlight.isOpening && concerned(inFlight.caller, inFlight.inbound.receivedAtMs)) inFlight.abort(reason);
    }
  }

  /** The settings have changed: whatever was found before counts for nothing. */
  distrust(): void {
    for (const inFlight of this.#all()) inFlight.askedAtMs = -Infinity;
  }

  /**
   * To be called every tenth of a second: puts those to the question whose turn it is. Few wait for an answer at a
   * time, so that callers at the door are not kept waiting behind those inside.
   */
  askAgain(parts: DoorParts, nowMs: number): void {
    const { everyMs, maxAsking, roundMs } = this.#periods;
    const startedAt = performance.now();
    for (let asked = 0; asked < this.#size && this.#asking < maxAsking; asked++) {
      const looks = asked >= LEAST_ASKED && asked % CLOCK_EVERY === 0;
      if (looks && performance.now() - startedAt > roundMs) return;
      const oldest = this.#list.first;
      const ageMs = oldest === undefined ? 0 : nowMs - oldest.askedAtMs;
      if (oldest === undefined || (ageMs >= 0 && ageMs < everyMs)) return; // a clock set back makes nobody wait
      this.#list.remove(oldest);
      oldest.askedAtMs = nowMs;
      this.#list.append(oldest);
      if (!oldest.asking && !oldest.cut && !oldest.isOpening) this.#ask(parts, oldest, nowMs);
    }
  }

  #all(): InFlight[] {
    const all: InFlight[] = [];
    for (let each = this.#list.first; each !== undefined; each = each.next) all.push(each);
    return all;
  }

  #ask(parts: DoorParts, inFlight: InFlight, nowMs: number): void {
    const { inbound } = inFlight;
    try {
      // What has begun under a key that is withdrawn may finish, as in a session of its; a stream has no end of its own.
      const problem = guardProblem(parts.guard, inbound) ??
        (inFlight.kind === "stream" ? hopProblem(parts.registry.ring, inbound) : undefined);
      if (problem !== undefined) return this.#refuse(parts, inFlight, problem);
      const found = parts.authentication.authenticate(inbound, this.#momentOf(inFlight, nowMs));
      if (!(found instanceof Promise)) return this.#compare(parts, inFlight, found);
      this.#asking++;
      inFlight.asking = true;
      found.then(
        (late) => this.#compare(parts, inFlight, late),
        (fault) => this.#fail(parts, inFlight, fault),
      ).finally(() => {
        this.#asking--;
        inFlight.asking = false;
      });
    } catch (fault) {
      this.#fail(parts, inFlight, fault);
    }
  }

  /**
   * As of when a credential has to hold. A stream's must not have ended; a call that was made before the end may be
   * finished after it, for as long as calls usually take.
   */
  #momentOf({ kind, inbound, caller: { principal } }: InFlight, nowMs: number): number {
    if (kind === "stream") return nowMs;
    const { finishMs } = this.#periods;
    if (inbound.isLent) return nowMs - inbound.receivedAtMs < finishMs ? inbound.receivedAtMs : nowMs;
    const endsAtMs = principal.credentialExpiresAtMs ?? principal.expiresAtMs;
    return nowMs - endsAtMs < finishMs ? Math.min(nowMs, endsAtMs - 1) : nowMs;
  }

  #compare(parts: DoorParts, inFlight: InFlight, found: Caller): void {
    inFlight.unknownSinceMs = undefined;
    if (found.owner !== inFlight.caller.owner) this.#refuse(parts, inFlight, new SignetError("owner_mismatch"));
  }

  /** Who cannot be asked for a moment has not said no. Anything else fails closed. */
  #fail(parts: DoorParts, inFlight: InFlight, fault: unknown): void {
    const nowMs = parts.now();
    if (fault instanceof SignetError && fault.code === "identity_unavailable") {
      inFlight.unknownSinceMs ??= nowMs;
      if (isWithin(nowMs, inFlight.unknownSinceMs, this.#periods.patienceMs)) return;
    }
    this.#refuse(parts, inFlight, fault instanceof SignetError ? fault : new SignetError("internal", { cause: fault }));
  }

  #refuse(parts: DoorParts, inFlight: InFlight, refusal: SignetError): void {
    if (inFlight.released || inFlight.cut || inFlight.isOpening) return; // ended while the question was open
    parts.metrics.withdrawn.inc();
    const { code, detail: { facts } } = refusal;
    parts.log.info("request cut: it would be refused by now", { kind: inFlight.kind, code, ...facts });
    inFlight.refusal = refusal;
    inFlight.abort("credential_expired");
  }
}
