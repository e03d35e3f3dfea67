// Passing a body on piece by piece, by whichever way its reader offers.
import type { BodyReader, BodySink, PipeListener } from "../../types.ts";

/** Hands all remaining pieces of `body` to `sink`, one after the other: see {@link BodyReader.pipe}. */
export function pipeBody(body: BodyReader, sink: BodySink, listener: PipeListener): void {
  if (body.pipe !== undefined) return body.pipe(sink, listener);
  passPieces(body, sink).then(() => listener.onPiped(), (error) => listener.onPipeFailed(error));
}

async function passPieces(body: BodyReader, sink: BodySink): Promise<void> {
  for (let bytes = await body.read(); bytes !== null; bytes = await body.read()) await sink.write(bytes);
}
