// Answers of the operators' API: JSON, never stored by anybody, and errors in one form.
import { SignetError } from "../errors.ts";
import { StoreError } from "../store/store.ts";

/** What was thrown, as an answer. */
export function refusal(error: unknown): Response {
  if (error instanceof SignetError) {
    const { code, kind: { status }, detail: { challenge, allow, retryAfterS } } = error;
    return json(status, { error: { code, ...wordsOf(error) } }, {
      ...(challenge === undefined ? {} : { "www-authenticate": challenge }),
      ...(allow === undefined ? {} : { allow }),
      ...(retryAfterS === undefined ? {} : { "retry-after": `${retryAfterS}` }),
    });
  }
  if (error instanceof StoreError) {
    const { code, problem: message, remedy } = error;
    return json(503, { error: { code: `store_${code}`, message, remedy } });
  }
  throw error;
}

/** A store's own words are closer to the cure. */
function wordsOf({ message, cause, detail: { remedy } }: SignetError) {
  return cause instanceof StoreError ? { message: cause.problem, remedy: cause.remedy } : { message, remedy };
}

export function json(status: number, body: unknown, fields: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body) + "\n", {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...fields,
    },
  });
}
