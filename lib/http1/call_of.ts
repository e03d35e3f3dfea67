// Calls that no connection carries: answered already, or being worked out; calls made of others; and who listens to a promise.
import type { Call, CallListener } from "./types.ts";

/** A call whose answer is known, or being worked out; a refusal that nobody awaits is no fault of the program's. */
export function callOf<Answer>(response: Promise<Answer>, abort: () => void = () => {}): Call<Answer> {
  response.catch(() => {});
  return { response, abort };
}

/** Tells `listener`, in a later turn, what comes of a call. */
export function tellLater<Answer>(response: Promise<Answer>, listener: CallListener<Answer>): void {
  response.then((answer) => listener.onAnswer(answer), (error) => listener.onFailure(error));
}

/**
 * Several calls as one: whichever is under way is the one that is cut.
 * @param run makes them, one after the other, and hands each to `under` for its answer
 */
export function oneAfterTheOther<Answer>(
  run: (under: (call: Call<Answer>) => Promise<Answer>) => Promise<Answer>,
): Call<Answer> {
  let current: Call<Answer> | undefined;
  let isAborted = false;
  const response = run((call) => {
    current = call;
    if (isAborted) call.abort();
    return call.response;
  });
  return callOf(response, () => {
    isAborted = true;
    current?.abort();
  });
}
