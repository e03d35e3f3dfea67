// "Did you mean …?": the known name nearest to one that is not known.
// Optimal string alignment distance: one insertion, deletion, substitution or swap of neighbours costs 1.

function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** Longer input is a value in the wrong place, not a mistyped name; it also bounds the quadratic cost. */
const LONGEST_NAME = 64;

/** More names than that with a word in common say nothing of which was meant. */
const MOST_ALIKE = 3;

function wordsOf(name: string): readonly string[] {
  return name.split(/[-_\s]+/);
}

/**
 * The one that has all words of `name` and more, such as jwt-issuer for issuer; else the one that has a part of them, such as
 * state for state-file.
 */
function alike(name: string, candidates: readonly string[]): string | undefined {
  const words = wordsOf(name);
  const longer = candidates.filter((candidate) => words.every((word) => wordsOf(candidate).includes(word)));
  if (longer.length > 0 && longer.length <= MOST_ALIKE) return byLength(longer)[0];
  const shorter = candidates.filter((candidate) => {
    return candidate.length < name.length && name.startsWith(candidate) && /[-_\s]/.test(name[candidate.length]!);
  });
  return byLength(shorter).at(-1);
}

function byLength(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => a.length - b.length);
}

/** The candidate that `name` is most likely a misspelling or a part of; undefined if none is near. */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  if (name === "" || name.length > LONGEST_NAME) return undefined;
  const known = [...candidates];
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const away = candidate.startsWith(name) && name.length >= 4 ? 1 : distance(name, candidate);
    if (away < bestDistance) {
      best = candidate;
      bestDistance = away;
    }
  }
  return bestDistance <= 1 ? best : alike(name, known) ?? best;
}
