// Calls answered from memory, in the shape of those that go over a wire.
import { type BodyReader, type Call, type ClientResponse, HttpError } from "../../http1/types.ts";

/** A call whose answer is known, or being worked out; a refusal that nobody awaits is no fault of the program's. */
export function callOf(response: Promise<ClientResponse>, abort = () => {}): Call {
  response.catch(() => {});
  return { response, abort };
}

/** The gateway has capped bodies already; this is for those who use an upstream by itself. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

async function readWhole(body: BodyReader | undefined): Promise<Uint8Array> {
  if (body === undefined) throw new HttpError("bad_request", "reading a POST: found no body");
  return await body.readAll(MAX_BODY_BYTES);
}

/** The call that `begin` makes of a body, at once where it is here already: what it reserves is reserved in this turn. */
export function callWith(body: Uint8Array | BodyReader | undefined, begin: (text: Uint8Array) => Call): Call {
  if (body instanceof Uint8Array) return begin(body);
  let call: Call | undefined;
  let aborted = false;
  const response = readWhole(body).then((text) => {
    call = begin(text);
    if (aborted) call.abort();
    return call.response;
  });
  return callOf(response, () => {
    aborted = true;
    call?.abort();
  });
}
