// Calls answered from memory, in the shape of those that go over a wire.
import { type Bytes, ownBytes } from "../http1/wire/borrowed.ts";
import { type Call, type ClientResponse, HttpError } from "../http1/types.ts";

/** A call whose answer is known, or being worked out; a refusal that nobody awaits is no fault of the program's. */
export function callOf(response: Promise<ClientResponse>, abort = () => {}): Call {
  response.catch(() => {});
  return { response, abort };
}

/**
 * The call that `begin` makes of a body, at once: what it reserves is reserved in this turn. A server reads its messages
 * when it likes, and the exchange they came in may have ended by then: they are in memory of their own from here on.
 */
export function callWith(body: Bytes | undefined, begin: (text: Uint8Array) => Call): Call {
  if (body === undefined) {
    return callOf(Promise.reject(new HttpError("bad_request", "reading a POST: found no body, want a message")));
  }
  return begin(ownBytes(body));
}
