// What goes over the pipes between the process that was started and its workers: JSON, a message a line. JSON has no
// infinity, which caps and rates do have; faults cross as what they were, so that whoever asks meets the same one.
import {
  ConfigError,
  type ConfigProblem,
  ERROR_KINDS,
  type ErrorCode,
  type ErrorDetail,
  SignetError,
} from "../../errors.ts";
import { parseJson } from "../../platform/json.ts";
import { StoreError, type StoreErrorCode } from "../../store/store.ts";

/** Stands before what JSON cannot say, and before texts that begin with it. */
const MARK = "\0";
const MARKED: ReadonlyMap<unknown, string> = new Map([[Infinity, "\0+"], [-Infinity, "\0-"]]);
const MEANT = new Map([...MARKED].map(([value, text]) => [text, value]));

/** One line without its end. */
export function toLine(message: unknown): string {
  return JSON.stringify(message, (_, value) => {
    if (typeof value === "string") return value.startsWith(MARK) ? MARK + value : value;
    return MARKED.get(value) ?? value;
  });
}

/** @throws SyntaxError for what is no line of {@link toLine} */
export function fromLine(line: string): unknown {
  if (!line.includes("\\u0000")) return parseJson(line);
  return JSON.parse(line, (_, value) => {
    if (typeof value !== "string" || !value.startsWith(MARK)) return value;
    return MEANT.has(value) ? MEANT.get(value) : value.slice(MARK.length);
  });
}

/** A fault as it crosses. */
export type FaultOnWire =
  | { readonly kind: "signet"; readonly code: ErrorCode; readonly detail: Omit<ErrorDetail, "cause"> }
  | { readonly kind: "store"; readonly code: StoreErrorCode; readonly problem: string; readonly remedy: string }
  | { readonly kind: "config"; readonly problems: readonly ConfigProblem[] }
  | {
    readonly kind: "other";
    readonly name: string;
    readonly message: string;
    /** Of a command's failure. */
    readonly exitCode?: unknown;
    readonly remedy?: unknown;
  };

export function faultToWire(fault: unknown): FaultOnWire {
  if (fault instanceof SignetError) {
    const { cause: _, ...detail } = fault.detail;
    return { kind: "signet", code: fault.code, detail };
  }
  if (fault instanceof StoreError) {
    const { code, problem, remedy } = fault;
    return { kind: "store", code, problem, remedy };
  }
  if (fault instanceof ConfigError) return { kind: "config", problems: fault.problems };
  if (fault instanceof Error) {
    const { name, message, exitCode, remedy } = fault as Error & {
      readonly exitCode?: unknown;
      readonly remedy?: unknown;
    };
    return { kind: "other", name, message, exitCode, remedy };
  }
  return { kind: "other", name: "Error", message: String(fault) };
}

export function faultFromWire(fault: FaultOnWire): Error {
  switch (fault.kind) {
    case "signet":
      return new SignetError(fault.code in ERROR_KINDS ? fault.code : "internal", fault.detail);
    case "store":
      return new StoreError(fault.code, fault.problem, { remedy: fault.remedy });
    case "config":
      return new ConfigError(fault.problems);
    case "other":
      return Object.assign(new Error(fault.message), {
        ...{ name: fault.name, exitCode: fault.exitCode, remedy: fault.remedy },
      });
  }
}
