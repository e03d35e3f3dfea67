// Answers of the operators' API: JSON, never stored by anybody, and errors in one form.
import { SignetError } from "../errors.ts";
import { StoreError } from "../store/store.ts";

/** What was thrown, as an answer. */
export function refusal(error: unknown): Response {
  if (error instanceof SignetError) {
    const { code, message, kind: { status }, detail: { remedy, challenge, allow, retryAfterS } } = error;
    return json(status, { error: { code, message, remedy } }, {
      ...(challenge === undefined ? {} : { "www-authenticate": challenge }),
      ...(allow === undefined ? {} : { allow }),
      ...(retryAfterS === undefined ? {} : { "retry-after": `${retryAfterS}` }),
    });
  }
  // Its message says what happened and what to do, and holds no id.
  if (error instanceof StoreError) return json(503, { error: { code: `store_${error.code}`, message: error.message } });
  throw error;
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
