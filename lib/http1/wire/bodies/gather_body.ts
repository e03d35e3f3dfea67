// A body read whole, piece by piece: for every body that does not know beforehand how long it is.
import { GatheredBytes } from "../../../platform/memory/gathered_bytes.ts";
import { type BodyReader, HttpError } from "../../types.ts";
import { ownBytes } from "../streams/borrowed.ts";

/** All that is left of `body`, in memory of its own. @throws HttpError 413 `body_too_large` beyond `maxBytes`, and as `read` */
export async function gatherBody(body: Pick<BodyReader, "read">, maxBytes: number): Promise<Uint8Array> {
  const gathered = new GatheredBytes();
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    if (gathered.size + piece.length > maxBytes) throw tooLarge(maxBytes);
    gathered.add(ownBytes(piece));
  }
  return gathered.take();
}

/** @param limit bytes */
export function tooLarge(limit: number): HttpError {
  return new HttpError("body_too_large", `reading a body: found more than the ${limit} bytes allowed`);
}
