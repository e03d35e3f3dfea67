// Whether a server that has refused to open a session is to be asked again, told by the status of its answer, or by the
// code of the error in it (docs/behaviour.md A4, L4; RFC 9110 §15.5, §15.6; JSON-RPC 2.0 §5.1). Pure.
import { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, VERSION_UNSUPPORTED } from "../mcp/messages/rpc_codes.ts";

/** Of these the next time may be better: another credential, a server that is busy, early or about to start. */
const FOR_NOW: ReadonlySet<number> = new Set([401, 403, 407, 408, 409, 423, 425, 429]);

/** Whether it will not take the next one either. */
export function isRefusalForGood(status: number): boolean {
  return status === 501 || (status >= 400 && status < 500 && !FOR_NOW.has(status));
}

/** Whether it may take the next one, and says nothing against what it was asked for. */
export function isRefusalForNow(status: number): boolean {
  return status >= 500 || FOR_NOW.has(status);
}

/** What the same message will be told again. */
const ERRORS_FOR_GOOD: ReadonlySet<unknown> = new Set([
  ...[INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, VERSION_UNSUPPORTED],
]);

/** The same of the error that an initialize was answered with. */
export function isErrorForGood(code: unknown): boolean {
  return ERRORS_FOR_GOOD.has(code);
}
