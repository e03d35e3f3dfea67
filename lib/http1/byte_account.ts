// The memory that others make Signet hold, in bytes, under one bound (docs/behaviour.md M3, M6): buffers in use beyond
// the one that a connection at rest waits with, heads and bodies, and what waits for those who are slow.
// Guarantees: what a charge holds it gives back once, whoever asks how often; a bound is passed only by `force`.

let move: (account: ByteAccount, bytes: number, strange: number) => void;

/** What strangers may hold together, of the bound; and how full memory may be for them to take more of it. */
const STRANGERS_SHARE = 1 / 2, FULL_FOR_STRANGERS = 3 / 4;
/** The part of the bound that is for what is only convenient. */
const AMPLE = 1 / 2;

export class ByteAccount {
  /** Bound of each share; asked each time, so that a reload is heeded. */
  shareLimit = Infinity;
  #limit: number;
  #held = 0;
  #strange = 0;
  /** What a share is a part of. */
  readonly #whole: ByteAccount | undefined;
  readonly #shares = new Map<string, WeakRef<ByteAccount>>();
  #forgotten: FinalizationRegistry<string> | undefined;
  /** Who waits for it to hold less. */
  #watchers: Set<() => void> | undefined;

  constructor(limit = Infinity, whole?: ByteAccount) {
    this.#limit = limit;
    this.#whole = whole;
  }

  /** The bound, in bytes; what is held beyond one just lowered stays. */
  get limit(): number {
    return this.#whole === undefined ? this.#limit : this.#whole.shareLimit;
  }

  set limit(limit: number) {
    this.#limit = limit;
  }

  /**
   * What `key` may hold of all that may be held here: the same account for as long as anybody has it, and charged to
   * this one, too.
   */
  shareOf(key: string): ByteAccount {
    const known = this.#shares.get(key)?.deref();
    if (known !== undefined) return known;
    const share = new ByteAccount(0, this);
    this.#shares.set(key, new WeakRef(share));
    this.#forgotten ??= new FinalizationRegistry((key) => {
      if (this.#shares.get(key)?.deref() === undefined) this.#shares.delete(key);
    });
    this.#forgotten.register(share, key);
    return share;
  }

  /** Whether more is held than may be, here or in the whole: by what had to go out. */
  get isOverdrawn(): boolean {
    return this.#held > this.limit || this.#whole?.isOverdrawn === true;
  }

  /**
   * Calls `run` whenever less is held than before, here or in the whole; `run` must do no more than look and wake.
   * @returns what ends that
   */
  onFall(run: () => void): () => void {
    (this.#watchers ??= new Set()).add(run);
    const unwatchWhole = this.#whole?.onFall(run);
    return () => {
      this.#watchers?.delete(run);
      if (this.#watchers?.size === 0) this.#watchers = undefined;
      unwatchWhole?.();
    };
  }

  /** Whether there is room for so many bytes more in a part of the bound, here and in the whole. */
  hasRoom(bytes: number, part = 1): boolean {
    return this.#held + bytes <= this.limit * part && (this.#whole === undefined || this.#whole.hasRoom(bytes, part));
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
      for (let each: ByteAccount | undefined = account; each !== undefined; each = each.#whole) {
        each.#held += bytes;
        each.#strange += strange;
      }
      if (bytes >= 0) return;
      for (let each: ByteAccount | undefined = account; each !== undefined; each = each.#whole) {
        if (each.#watchers !== undefined) { for (const run of each.#watchers) run(); }
      }
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
    return this.#resize(bytes, 1);
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
    return (more <= 0 || this.#account.hasRoom(more, AMPLE)) && this.resizeAsStranger(bytes);
  }

  /** Its holder is no stranger any more. */
  befriend(): void {
    this.#set(this.#bytes, 0);
  }

  /** As {@link resize}, for what is only convenient: the upper half of the bound is not for it. */
  resizeIfAmple(bytes: number): boolean {
    return this.#resize(bytes, AMPLE);
  }

  #resize(bytes: number, part: number): boolean {
    const more = bytes - this.#bytes;
    if (more === 0) return true;
    if (more > 0 && !this.#account.hasRoom(more, part)) return false;
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
