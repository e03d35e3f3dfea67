// What is in force of rules and rates: one for all requests, replaced as a whole by a reload, so that what is under way
// meets the new at its next event (docs/behaviour.md G4, G5). What servers say of their tools, and what was counted, stays.
import type { Logger } from "../observe/log.ts";
import { Counter, LabelledCounter } from "../observe/metrics.ts";
import { Askings } from "../policy/askings.ts";
import { HintBook, type HintKey } from "../policy/hint_book.ts";
import type { Policy } from "../policy/policy.ts";
import type { RateBook } from "../policy/rate_book.ts";
import type { Caller } from "../session/caller.ts";
import type { Session } from "../session/session.ts";
import type { SharedRates } from "../store/shared_rates.ts";

/** What the settings say of it. */
export interface RulesAndRates {
  /** Undefined: nothing is ruled. */
  readonly policy: Policy | undefined;
  /** Undefined: nothing is limited in time. */
  readonly rates: RateBook | undefined;
}

/** What became of what was judged and not allowed. */
const RULE_OUTCOMES = ["denied", "arguments", "scope", "unreadable"] as const;

/** Whose lists a request sees: its session's, or outside of any its caller's. */
export function listsOf(
  { caller, session }: { readonly caller: Caller; readonly session: Session | undefined },
): HintKey {
  return session === undefined ? `o${caller.owner}` : `s${session.sid}`;
}

export class Law {
  readonly hints = new HintBook();
  readonly counts: SharedRates;
  /** Lists that are being asked for, so that nobody asks twice. */
  readonly learning = new Map<HintKey, Promise<void>>();
  /** How often callers make Signet ask. */
  readonly askings: Askings;
  readonly refused = new LabelledCounter<typeof RULE_OUTCOMES[number]>(RULE_OUTCOMES);
  /** Conditions that could not be told. */
  readonly failures = new Counter();
  /** Entries left out of lists. */
  readonly hidden = new Counter();
  readonly limited = new LabelledCounter<"caller" | "tool" | "caller-tool" | "all">([
    ...["caller", "tool", "caller-tool", "all"] as const,
  ]);
  #inForce: RulesAndRates = { policy: undefined, rates: undefined };

  readonly #log: Logger;

  constructor({ counts, askings, log }: Pick<Law, "counts" | "askings"> & { readonly log: Logger }) {
    this.counts = counts;
    this.askings = askings;
    this.#log = log;
  }

  get policy(): Policy | undefined {
    return this.#inForce.policy;
  }

  get rates(): RateBook | undefined {
    return this.#inForce.rates;
  }

  /** Whether anything has to be known of a message but where it goes. */
  get governs(): boolean {
    return this.#inForce.policy !== undefined || this.#inForce.rates !== undefined;
  }

  enact(rulesAndRates: RulesAndRates, nowMs: number): void {
    const { policy, rates } = this.#inForce = rulesAndRates;
    if (policy !== undefined) {
      policy.onFailure = (rule, reason) => {
        this.failures.inc();
        this.#log.warn("the condition of a rule could not be told", { rule, reason });
      };
    }
    this.counts.local.keepOnly(rates?.limits.map(({ rate }) => rate) ?? [], nowMs);
  }
}
