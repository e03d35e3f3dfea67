// What somebody wrote for a setting, before it is understood: texts with the place each stands in.
// Flags, environment and file are all read into this one form.
import type { ConfigProblem } from "../errors.ts";
import type { SettingKey } from "./schema.ts";

export interface GivenText {
  readonly text: string;
  /** `--listen`, `SIGNET_LISTEN` or `signet.yaml:12 (listen)`. */
  readonly place: string;
  /** An item of a list already; otherwise a repeatable setting's text is split at separators. */
  readonly isItem?: boolean;
}

export type Given = ReadonlyMap<SettingKey, readonly GivenText[]>;

/** What one source said, and what was wrong with it. */
export interface Reading {
  readonly given: Given;
  readonly problems: readonly ConfigProblem[];
  /** Settings it tried to give in a form that is not understood; all of them if nothing of it could be read. */
  readonly broken?: ReadonlySet<SettingKey> | "all";
}
