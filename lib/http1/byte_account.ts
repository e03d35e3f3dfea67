// The memory that others make Signet hold, in bytes, under one bound (docs/behaviour.md M3, M6): buffers in use beyond
// the one that a connection at rest waits with, heads and bodies, and what waits for those who are slow.
// Guarantees: what a charge holds it gives back once, whoever asks how often; a bound is passed only by `force`.

let move: (account: ByteAccount, bytes: number, strange: number) => void;

/** What strangers may hold together, of the bound; and how full memory may be for them to take more of it. */
const STRANGERS_SHARE = 1 / 2, FULL_FOR_STRANGERS = 3 / 4;

export class ByteAccount {
  /** The bound, in bytes; what is held beyond one just lowered stays. */
  limit: number;
  #held = 0;
  #strange = 0;

  constructor(limit = Infinity) {
    this.limit = limit;
  }

  /** Bytes held now. */
  get held(): number {
    return this.#held;
  }

  /** Of those, what is held for strangers: who have not proven who they are. */
  get strange(): number {
    return this.#strange;
  }

  /** Whether strangers could have so many bytes more, if only other strangers let go of theirs. */
  leavesStrangers(bytes: number): boolean {
    return this.#held - this.#strange + bytes <= this.limit * FULL_FOR_STRANGERS;
  }

  /** Whether there is room for so many bytes more of strangers'. */
  hasRoomForStrangers(bytes: number): boolean {
    return this.#strange + bytes <= this.limit * STRANGERS_SHARE &&
      this.#held + bytes <= this.limit * FULL_FOR_STRANGERS;
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
    move = (account, bytes, strange) => {
      account.#held += bytes;
      account.#strange += strange;
    };
  }
}

/** What one holder holds. */
export class Charge {
  readonly #account: ByteAccount;
  #bytes = 0;
  #strange = 0;

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

  /** Of those, what it took as a stranger's. */
  get strange(): number {
    return this.#strange;
  }

  /**
   * As {@link resize}, for strangers. What they may have is counted apart: no caller's share, all of it taken, keeps a
   * newcomer out, and they leave callers room.
   */
  resizeAsStranger(bytes: number): boolean {
    const more = bytes - this.#bytes;
    if (more > 0 && !this.#account.hasRoomForStrangers(more)) return false;
    this.#set(bytes, this.#strange + Math.max(0, more));
    return true;
  }

  /** The same for what is only convenient. */
  resizeAsStrangerIfAmple(bytes: number): boolean {
    const more = bytes - this.#bytes;
    return (more <= 0 || this.#account.held + more <= this.#account.limit / 2) && this.resizeAsStranger(bytes);
  }

  /** Its holder is no stranger any more. */
  befriend(): void {
    this.#set(this.#bytes, 0);
  }

  /** As {@link resize}, for what is only convenient: the upper half of the bound is not for it. */
  resizeIfAmple(bytes: number): boolean {
    return this.#resize(bytes, this.#account.limit / 2);
  }

  #resize(bytes: number, limit: number): boolean {
    const more = bytes - this.#bytes;
    if (more === 0) return true;
    if (more > 0 && this.#account.held + more > limit) return false;
    this.#set(bytes, this.#strange);
    return true;
  }

  /** As {@link resize}, whether there is room or not: for what is small and must go out. */
  force(bytes: number): void {
    if (bytes !== this.#bytes) this.#set(bytes, this.#strange);
  }

  #set(bytes: number, strange: number): void {
    const left = Math.min(strange, bytes);
    if (bytes === this.#bytes && left === this.#strange) return;
    move(this.#account, bytes - this.#bytes, left - this.#strange);
    this.#bytes = bytes;
    this.#strange = left;
  }

  /** Lets go of everything. Again: nothing. */
  release(): void {
    this.force(0);
  }
}
