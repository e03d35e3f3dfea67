// Standard input of this process.
import { fstatSync } from "node:fs";
import process from "node:process";

/** All of standard input, as text. */
export async function readStdin(): Promise<string> {
  // A closed or absent stdin is an empty one.
  try {
    fstatSync(0);
  } catch {
    return "";
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of process.stdin) text += decoder.decode(piece as Uint8Array, { stream: true });
  return text + decoder.decode();
}

/** Standard input, piece by piece; its end is the end of whoever writes there. */
export async function* stdinPieces(): AsyncGenerator<Uint8Array> {
  for await (const piece of process.stdin) yield piece as Uint8Array;
}
