// What of a member is there for clients: patterns that allow and deny (A7). What is not listed cannot be called; lists
// and calls ask here alike. Matching takes time linear in name × stars, whatever the pattern.

/** `*` is any text, `?` any one character. */
function matches(pattern: string, text: string): boolean {
  let p = 0, t = 0, star = -1, mark = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star !== -1) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

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
}

/** What one member may show of one kind. */
export class Visible {
  readonly #allow: readonly string[];
  readonly #deny: readonly string[];

  constructor({ allow, deny }: Patterns, of: VisibleOf) {
    const mine = (patterns: readonly string[]) =>
      patterns.flatMap((pattern) => {
        const slash = pattern.indexOf("/");
        const member = slash === -1 ? "" : pattern.slice(0, slash);
        if (!of.names.has(member)) return [pattern];
        return member === of.name || member === of.also ? [pattern.slice(slash + 1)] : [];
      });
    this.#allow = mine(allow);
    this.#deny = mine(deny);
  }

  /** Whether anything is hidden at all. */
  get hides(): boolean {
    return this.#allow.length > 0 || this.#deny.length > 0;
  }

  shows(name: string): boolean {
    if (this.#deny.some((pattern) => matches(pattern, name))) return false;
    return this.#allow.length === 0 || this.#allow.some((pattern) => matches(pattern, name));
  }
}
