// The memory that others make Signet hold, in bytes, under one bound (docs/behaviour.md M3, M6): buffers in use beyond
// the one that a connection at rest waits with, heads and bodies, and what waits for those who are slow.
// Guarantees: what a charge holds it gives back once, whoever asks how often; a bound is passed only by `force`.

let move: (account: ByteAccount, bytes: number) => void;

export class ByteAccount {
  /** The bound, in bytes; what is held beyond one just lowered stays. */
  limit: number;
  #held = 0;

  constructor(limit = Infinity) {
    this.limit = limit;
  }

  /** Bytes held now. */
  get held(): number {
    return this.#held;
  }

  /** A charge of nothing yet. */
  open(): Charge {
    return new Charge(this);
  }

  /** A charge of `bytes`; undefined where they find no room. */
  tryCharge(bytes: number): Charge | undefined {
    const charge = this.open();
    return charge.resize(bytes) ? charge : undefined;
  }

  static {
    move = (account, bytes) => account.#held += bytes;
  }
}

/** What one holder holds. */
export class Charge {
  readonly #account: ByteAccount;
  #bytes = 0;

  /** See {@link ByteAccount.open}. */
  constructor(account: ByteAccount) {
    this.#account = account;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** From now on `bytes` are held. @returns false, and nothing changes, if that is more than there is room for */
  resize(bytes: number): boolean {
    return this.#resize(bytes, this.#account.limit);
  }

  /** As {@link resize}, for strangers and for what is only convenient: the upper half of the bound is not for them. */
  resizeIfAmple(bytes: number): boolean {
    return this.#resize(bytes, this.#account.limit / 2);
  }

  #resize(bytes: number, limit: number): boolean {
    const more = bytes - this.#bytes;
    if (more === 0) return true;
    if (more > 0 && this.#account.held + more > limit) return false;
    move(this.#account, more);
    this.#bytes = bytes;
    return true;
  }

  /** As {@link resize}, whether there is room or not: for what is small and must go out. */
  force(bytes: number): void {
    if (bytes === this.#bytes) return;
    move(this.#account, bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** Lets go of everything. Again: nothing. */
  release(): void {
    this.force(0);
  }
}
