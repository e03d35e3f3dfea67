// Everything that `signet explain` explains, and how it is found: by name, by HTTP status, by JSON-RPC code.
import { ERROR_KINDS, type ErrorKind } from "../../errors.ts";
import {
  EXPLAINED_CHAIN,
  EXPLAINED_ENDS,
  EXPLAINED_EXCHANGES,
  EXPLAINED_HTTP,
  EXPLAINED_LIFE,
  EXPLAINED_OTHERS,
  EXPLAINED_OUTCOMES,
  EXPLAINED_STORE,
} from "./codes.ts";
import { EXPLAINED_ERRORS } from "./errors.ts";
import { EXPLAINED_EVENTS } from "./events.ts";
import { type Explanation, explanationOf, type Row } from "./explanation.ts";

/** Headings of the list, in this order. */
export const KINDS = {
  error: "Errors (`code` in the log and in answers)",
  outcome: "Why a session is not found, or not brought back (`outcome`)",
  http: "Faults of HTTP, of a client's or the server's (`http`)",
  other: "Other codes",
  event: "Events of the log",
  life: "Events of the audit log",
  end: "How something came out, in the audit log (`outcome`)",
} as const;
type Kind = keyof typeof KINDS;

export interface Explained extends Explanation {
  readonly name: string;
  readonly kind: Kind;
  /** What a client is answered; undefined where no answer has this name. */
  readonly answer: ErrorKind | undefined;
}

const TABLES: readonly (readonly [Kind, Readonly<Record<string, Row>>])[] = [
  ["error", EXPLAINED_ERRORS],
  ["outcome", EXPLAINED_OUTCOMES],
  ["http", EXPLAINED_HTTP],
  ["other", { ...EXPLAINED_OTHERS, ...EXPLAINED_STORE }],
  ["event", EXPLAINED_EVENTS],
  ["life", { ...EXPLAINED_EXCHANGES, ...EXPLAINED_LIFE, ...EXPLAINED_CHAIN }],
  ["end", EXPLAINED_ENDS],
];

/** Everything that is explained, in the order of the list. A name may stand for an error and for an outcome. */
export const EXPLAINED: readonly Explained[] = TABLES.flatMap(([kind, rows]) =>
  Object.entries(rows).map(([name, row]) => ({
    ...{ kind, name, ...explanationOf(row) },
    answer: kind === "error" ? ERROR_KINDS[name as keyof typeof ERROR_KINDS] : undefined,
  }))
);

/** By name, without regard to case and to quotes around it; by HTTP status; by JSON-RPC code, with or without its sign. */
export function findExplained(asked: string): readonly Explained[] {
  const wanted = plain(asked);
  const named = EXPLAINED.filter(({ name }) => plain(name) === wanted);
  if (named.length > 0) return named;
  if (!/^[-−]?\d+$/.test(wanted)) return [];
  const number = Math.abs(Number(wanted.replace("−", "-")));
  return EXPLAINED.filter(({ answer }) => answer?.status === number || answer?.rpcCode === -number);
}

export function plain(text: string): string {
  return text.trim().replace(/^["'`]|["'`]$/g, "").toLowerCase();
}
