// A store that cannot be read proves nothing and refutes nothing: what depends on it is refused with 503, not with 401
// or 404 (docs/behaviour.md L6, T2). What only saves work may fail, and is tried again.
import { SignetError } from "../errors.ts";
import { StoreError } from "./store.ts";

/**
 * Turns what a store has thrown into the refusal. @param publicMessage which store; holds no id. @throws whatever else
 * it is
 */
export function failClosed(fault: unknown, publicMessage: string): never {
  if (!(fault instanceof StoreError)) throw fault;
  throw new SignetError("identity_unavailable", {
    publicMessage,
    retryAfterS: 1,
    facts: { store: fault.code },
    remedy: fault.remedy,
    cause: fault,
  });
}

/** Of what only saves room or work: what matters fails where it is asked for. @throws what is no fault of the store's */
export function ignoreStoreError(fault: unknown): void {
  if (!(fault instanceof StoreError)) throw fault;
}
