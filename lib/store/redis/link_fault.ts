// What a question to a shared store failed with, before anybody has answered: in words that are fit for the log.
import { certificateWords } from "../../platform/faults/certificate_fault.ts";

export class LateError extends Error {
  constructor(timeoutMs: number) {
    super(`found no answer within ${timeoutMs} ms`);
  }
}

/** Of the library's own: why has been said before. */
export function isOffline(fault: unknown): boolean {
  return /offline|client is closed/i.test(causeOf(fault));
}

/** Fit for the log: a library's words may name the address, which is the operator's own, but no command is quoted. */
export function causeOf(fault: unknown): string {
  const { code, message } = fault as { code?: unknown; message?: unknown };
  const certificate = certificateWords(fault);
  if (certificate !== undefined) return `${certificate} (--store-ca-file)`;
  return String(code ?? message ?? fault).slice(0, 200) || "an error without words";
}
