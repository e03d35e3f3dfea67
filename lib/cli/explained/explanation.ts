// What a code or an event of the log means, for `signet explain` (docs/behaviour.md V4).

export interface Explanation {
  /** What has happened, and to whom. Sentences. */
  readonly meaning: string;
  /** What to look at or do; blank where nothing is to be done. Sentences. */
  readonly cure: string;
}

/** Rows as they are written in the tables. */
export type Row = readonly [meaning: string, cure?: string];

export function explanationOf([meaning, cure = ""]: Row): Explanation {
  return { meaning, cure };
}
