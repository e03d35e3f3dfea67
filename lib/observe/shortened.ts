// As much of a text that somebody else has chosen as a line of the log or a message repeats.

/** In characters. */
export const MAX_SHOWN = 128;

export function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
