// What comes of judging, what has to be known for it, and what was found before of one caller.
import type { ReadsOfArguments } from "./expression_reads.ts";
import type { ToolHints } from "./hints.ts";
import type { Subject } from "./subject.ts";

/** What a rule needs to know beyond the name. */
export interface Known {
  /** Undefined while nobody knows what the server says of the tool. */
  readonly hints: ToolHints | undefined;
  /**
   * Of a call: the members that a rule reads. Undefined where an entry of a list is judged. May throw: then that rule
   * cannot be told.
   */
  readonly args: ((wanted: ReadsOfArguments) => Readonly<Record<string, unknown>>) | undefined;
}

export type Verdict = {
  /**
   * - `denied`: it is as good as not there
   * - `arguments`: it is there, but not for these arguments
   * - `scope`: with the scopes it would be allowed
   * - `unknown`: it depends on what the server says of the tool, which is to be found out first
   */
  readonly ruling: "allowed" | "denied" | "arguments" | "scope" | "unknown";
  /** The rule that decided; undefined where the default did. */
  readonly rule: string | undefined;
  readonly scopes: readonly string[];
};

/** A verdict that was found before. */
export interface Cached {
  readonly verdict: Verdict;
  /** What it was found under; undefined if it does not depend on them. */
  readonly hints: ToolHints | undefined;
}

/** Verdicts on one caller. Calls of tools apart from the rest: their names are their keys, as they come. */
export class VerdictMemory {
  readonly #tools = new Map<string, Cached>();
  readonly #calls = new Map<string, Cached>();
  readonly #listed = new Map<string, Cached>();

  get(subject: Subject, isCall: boolean): Cached | undefined {
    if (isCall && subject.method === "tools/call") return this.#tools.get(subject.name);
    return (isCall ? this.#calls : this.#listed).get(keyOf(subject));
  }

  set(subject: Subject, isCall: boolean, cached: Cached): void {
    const isTool = isCall && subject.method === "tools/call";
    const map = isTool ? this.#tools : isCall ? this.#calls : this.#listed;
    map.set(isTool ? subject.name : keyOf(subject), cached);
  }
}

/** No kind holds a blank; a method may hold what it likes, so its length tells where the name begins. */
function keyOf({ kind, name, method }: Subject): string {
  return `${kind} ${method.length} ${method}${name}`;
}
