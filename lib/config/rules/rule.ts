// What a rule between settings sees and says.
import type { ConfigProblem } from "../../errors.ts";
import type { SettingKey, Settings } from "../schema.ts";

/** Settings under judgement. */
export interface Judged {
  readonly settings: Settings;
  /** Where each given setting stands; absent means that its default holds. */
  readonly places: ReadonlyMap<SettingKey, string>;
  /** Settings that could not be understood. */
  readonly broken: ReadonlySet<SettingKey>;
}

export interface Verdict {
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}

/** Where a rule looks, and where it says what it found. */
export interface Bench extends Judged {
  problem(key: SettingKey, problem: string, remedy: string): void;
  warn(text: string): void;
}

/** A rule, and the settings without which it cannot judge. */
export type Rule = readonly [reads: readonly SettingKey[], judge: (bench: Bench) => void];

/** Fields that frame messages or are Signet's own: sealing, keeping or stripping them would break every request. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set(
  ("connection content-length content-type date expect host keep-alive last-event-id mcp-protocol-version mcp-session-id " +
    "origin proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade").split(" "),
);
