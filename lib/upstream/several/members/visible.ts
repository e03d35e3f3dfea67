// What of a member is there for clients: patterns that allow and deny (A7). What is not listed cannot be called; lists
// and calls ask here alike.
import { matchesPattern as matches } from "../../../mcp/name_pattern.ts";

/** Patterns as configured: `member/pattern` or `pattern`. */
export interface Patterns {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface VisibleOf {
  /** What the member goes by, and what it was configured as, which others may share. */
  readonly name: string;
  readonly also: string;
  /** Of all members: tells `files/x` of a member from a pattern with a slash in it. */
  readonly names: ReadonlySet<string>;
  /** All that one name may be taken for, itself included; default: itself alone. */
  readonly spellings?: (name: string) => readonly string[];
}

const ITSELF = (name: string): readonly string[] => [name];

/**
 * Many file systems know no case, and take letters for the same however they are composed: what is denied of files is
 * denied on those, too. What is allowed is not widened by it.
 */
function withoutCase(text: string): string {
  return /^file:/i.test(text) ? text.normalize("NFC").toLowerCase() : text;
}

/** What one member may show of one kind. */
export class Visible {
  readonly #allow: readonly string[];
  readonly #deny: readonly string[];
  readonly #spellings: (name: string) => readonly string[];

  constructor({ allow, deny }: Patterns, of: VisibleOf) {
    const mine = (patterns: readonly string[]) =>
      patterns.flatMap((pattern) => {
        const slash = pattern.indexOf("/");
        const member = slash === -1 ? "" : pattern.slice(0, slash);
        if (!of.names.has(member)) return [pattern];
        return member === of.name || member === of.also ? [pattern.slice(slash + 1)] : [];
      });
    this.#spellings = of.spellings ?? ITSELF;
    this.#allow = mine(allow).flatMap(this.#spellings);
    this.#deny = mine(deny).flatMap(this.#spellings).map(withoutCase);
  }

  /** Whether anything is hidden at all. */
  get hides(): boolean {
    return this.#allow.length > 0 || this.#deny.length > 0;
  }

  /** Denied is what may be taken for something denied; allowed is what can be taken for nothing else. */
  shows(name: string): boolean {
    if (!this.hides) return true;
    const spellings = this.#spellings(name);
    const isDenied = spellings.map(withoutCase)
      .some((spelling) => this.#deny.some((pattern) => matches(pattern, spelling)));
    if (isDenied) return false;
    return this.#allow.length === 0 ||
      spellings.every((spelling) => this.#allow.some((pattern) => matches(pattern, spelling)));
  }
}
