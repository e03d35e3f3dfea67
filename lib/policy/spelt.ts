// What a rule compares where addresses are concerned (docs/behaviour.md G4): a pattern and an address however either is spelt.
// What is denied is denied in every spelling, and of files in every case, which many file systems do not see; what is
// allowed is not widened by it.
import type { SubjectKind } from "./subject.ts";

/** All that an address, or a pattern for some, may be taken for, itself included. */
export type Spellings = (uri: string) => readonly string[];

/** What a subject may be taken for, by whether the question is what allows it or what denies it. */
export interface Names {
  readonly toAllow: readonly string[];
  readonly toDeny: readonly string[];
}

export interface Pattern {
  readonly kind: SubjectKind;
  readonly pattern: string;
}

/** Of one server, or behind the label of one of several. */
const OF_A_FILE = /^(?:[a-z][a-z0-9.-]*\+)?file:/i;

/** Letters are the same however they are composed, too. */
function withoutCase(text: string): string {
  return OF_A_FILE.test(text) ? text.normalize("NFC").toLowerCase() : text;
}

export function namesOf({ kind, name }: { kind: SubjectKind; name: string }, spellings: Spellings): Names {
  if (kind !== "resource") return { toAllow: [name], toDeny: [name] };
  const toAllow = spellings(name);
  return { toAllow, toDeny: inAnyCase(toAllow) };
}

export function spelt(
  { effect, patterns }: { readonly effect: "allow" | "deny"; readonly patterns: readonly Pattern[] },
  spellings: Spellings,
): readonly Pattern[] {
  return patterns.flatMap((one) => {
    if (one.kind !== "resource") return [one];
    const { kind, pattern } = one;
    const all = spellings(pattern);
    // A wildcard that comes or goes with the spelling would allow something else.
    const meant = effect === "deny" ? inAnyCase(all) : all.filter((text) => wildcardsIn(text) === wildcardsIn(pattern));
    return meant.map((text) => ({ kind, pattern: text }));
  });
}

function inAnyCase(texts: readonly string[]): readonly string[] {
  return [...new Set([...texts, ...texts.map(withoutCase)])];
}

function wildcardsIn(pattern: string): string {
  return pattern.replace(/[^*?]/g, "");
}
