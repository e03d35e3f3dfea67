// Texts that are kept. Engines make of a piece of a text a view of all of it: whoever keeps the piece keeps the whole.
import { Buffer } from "node:buffer";

/** The same text, in no memory but its own. */
export function ownText(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
