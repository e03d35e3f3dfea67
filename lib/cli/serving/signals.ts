// The signals of a Signet that serves, heard from before its configuration is read: one that comes while it starts would end
// it by the system's hand, a reload too, and systemd takes that for an end that was wanted.
import { type SignalName, SIGNALS } from "../../platform/process/signals.ts";
import type { Machine } from "../command.ts";

/** What each is taken for. SIGQUIT is how nginx, and images made for it, are told to finish what they have. */
export const MEANING: Readonly<Record<SignalName, "end" | "reload" | "nothing">> = {
  SIGTERM: "end",
  SIGINT: "end",
  SIGQUIT: "end",
  SIGHUP: "reload",
  SIGUSR1: "nothing",
  SIGUSR2: "nothing",
};

export class Signals {
  readonly #endedEarly = Promise.withResolvers<void>();
  readonly #forget: readonly (() => void)[];
  readonly #early = new Set<SignalName>();
  #tell: ((signal: SignalName) => void) | undefined;

  constructor({ onSignal }: Pick<Machine, "onSignal">) {
    this.#forget = SIGNALS.map((signal) => onSignal(signal, () => this.#hear(signal)));
  }

  /** Resolves where an end is asked for before there is anything to drain. */
  get endedEarly(): Promise<void> {
    return this.#endedEarly.promise;
  }

  /** From now on each goes to `tell`; those that came before first, as one of a kind. */
  tellTo(tell: (signal: SignalName) => void): void {
    this.#tell = tell;
    for (const signal of this.#early) tell(signal);
    this.#early.clear();
  }

  forget(): void {
    for (const unsubscribe of this.#forget) unsubscribe();
  }

  #hear(signal: SignalName): void {
    if (this.#tell !== undefined) return this.#tell(signal);
    this.#early.add(signal);
    if (MEANING[signal] === "end") this.#endedEarly.resolve();
  }
}
