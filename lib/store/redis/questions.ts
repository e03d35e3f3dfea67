// Names of questions to a shared store, and whether an answer is to this one: one to another would clear a session that it is not
// about (docs/behaviour.md R6).
import { randomBytes } from "../../platform/random.ts";
import { textOf } from "./redis_answer.ts";

/** Of this process, and of no other that a proxy may have let into the same connection. */
export class Questions {
  /** Before the number of each. */
  readonly #name = randomBytes(6).toBase64();
  #asked = 0;

  next(): string {
    return `${this.#name}${(this.#asked++).toString(36)}`;
  }
}

/** @param answer of a {@link Script}: the name of its question, and what it says */
export function isAnswerTo(question: string, answer: unknown): answer is readonly [string, unknown] {
  return Array.isArray(answer) && textOf(answer[0]) === question;
}
