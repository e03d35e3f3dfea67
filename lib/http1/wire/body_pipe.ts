// Passing a body on piece by piece, by whichever way its reader offers.
import type { BodyReader, BodySink } from "../types.ts";

/** Hands all remaining pieces of `body` to `sink`, one after the other: see {@link BodyReader.pipe}. */
export function pipeBody(body: BodyReader, sink: BodySink): Promise<void> {
  return body.pipe === undefined ? readAll(body, sink) : body.pipe(sink);
}

async function readAll(body: BodyReader, sink: BodySink): Promise<void> {
  for (let bytes = await body.read(); bytes !== null; bytes = await body.read()) await sink.write(bytes);
}
