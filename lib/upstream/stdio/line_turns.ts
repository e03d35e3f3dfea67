// While more is held for a caller than may be, one of its servers' long lines is read at a time: the others stay in their
// pipes (docs/behaviour.md M6). A line under way may always end, so that nobody waits for good; one that does not, while
// others wait, loses its turn.
import type { ByteAccount } from "../../http1/byte_account.ts";
import { OwnedTimer, type Timers } from "../../platform/time/timers.ts";

/** For so long a line may hold up the others of its caller, in ms. */
const TURN_MS = 10_000;

/** The lines that are charged to one account. */
class LineTurns {
  readonly #account: ByteAccount;
  readonly #waiting = new Map<LineTurn, PromiseWithResolvers<void>>();
  #holder: LineTurn | undefined;
  #unwatch: (() => void) | undefined;

  constructor(account: ByteAccount) {
    this.#account = account;
  }

  get contended(): boolean {
    return this.#waiting.size > 0;
  }

  /** @returns undefined where `turn` may go on; else a promise, after which it has to ask again */
  take(turn: LineTurn): Promise<void> | undefined {
    if (!this.#account.isOverdrawn || this.#holder === turn) return undefined;
    if (this.#holder === undefined) {
      this.#holder = turn;
      turn.begin();
      return undefined;
    }
    const wait = Promise.withResolvers<void>();
    this.#waiting.set(turn, wait);
    this.#unwatch ??= this.#account.onFall(() => {
      if (!this.#account.isOverdrawn) this.#wakeAll();
    });
    return wait.promise;
  }

  /** `turn` needs it no longer, or does not wait for it any more. */
  pass(turn: LineTurn): void {
    this.#wake(turn);
    if (this.#holder !== turn) return;
    this.#holder = undefined;
    for (const next of this.#waiting.keys()) return this.#wake(next);
  }

  #wakeAll(): void {
    for (const turn of [...this.#waiting.keys()]) this.#wake(turn);
  }

  #wake(turn: LineTurn): void {
    this.#waiting.get(turn)?.resolve();
    this.#waiting.delete(turn);
    if (this.#waiting.size > 0) return;
    this.#unwatch?.();
    this.#unwatch = undefined;
  }
}

/** A share is one object for as long as anybody has it, whichever server is charged to it. */
const TURNS = new WeakMap<ByteAccount, LineTurns>();

function turnsOf(account: ByteAccount): LineTurns {
  const known = TURNS.get(account);
  if (known !== undefined) return known;
  const turns = new LineTurns(account);
  TURNS.set(account, turns);
  return turns;
}

/** One pipe's. */
export class LineTurn {
  readonly #turns: LineTurns;
  readonly #turn: OwnedTimer;
  readonly #onOverdue: () => void;
  #closed = false;

  /** @param onOverdue its line has not ended in its turn, and others wait */
  constructor(account: ByteAccount, timers: Timers, onOverdue: () => void) {
    this.#turns = turnsOf(account);
    this.#turn = new OwnedTimer(timers);
    this.#onOverdue = onOverdue;
  }

  /** Before more of a line is read. Resolves when it may be. */
  async take(): Promise<void> {
    while (!this.#closed) {
      const wait = this.#turns.take(this);
      if (wait === undefined) return;
      await wait;
    }
  }

  /** No line is under way. */
  pass(): void {
    this.#turn.clear();
    this.#turns.pass(this);
  }

  /** The pipe has ended: whoever waits goes on, and no turn is needed any more. */
  close(): void {
    this.#closed = true;
    this.#turn.close();
    this.pass();
  }

  /** For {@link LineTurns}: it is this one's turn. */
  begin(): void {
    this.#turn.set(TURN_MS, () => {
      if (!this.#turns.contended) return this.begin();
      this.#onOverdue();
      this.pass();
    });
  }
}
