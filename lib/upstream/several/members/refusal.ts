// Whether a member refuses sessions in a way that asking again does not change (docs/behaviour.md A4): who was refused so
// does not ask by itself again, but as soon as the member has opened a session for anybody, there is sense in it anew.

/** One a member, for all sessions. */
export class Refusal {
  #reason: string | undefined;
  #accepted = 0;

  /** Why the last session was refused for good; undefined once another was opened. */
  get reason(): string | undefined {
    return this.#reason;
  }

  accept(): void {
    this.#accepted++;
    this.#reason = undefined;
  }

  /** @returns whether what was refused now is refused still */
  refuse(reason: string): () => boolean {
    const at = this.#accepted;
    this.#reason = reason;
    return () => this.#accepted === at;
  }
}
