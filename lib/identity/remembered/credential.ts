// A caller's credential, kept to be sent on: as a value it can be handed around, printed and logged, and says nothing (P1).

export class Credential {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** For the field sent upstream, and nothing else. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "Credential(hidden)";
  }

  toJSON(): string {
    return this.toString();
  }
}
