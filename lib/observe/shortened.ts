// As much of a text that somebody else has chosen as a line of the log or a message repeats.

import { ownText } from "../platform/memory/own_text.ts";

/** In characters. */
export const MAX_SHOWN = 128;

export function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : ownText(`${text.slice(0, MAX_SHOWN)}…`);
}
