// Short texts that many messages have in common (a host, a media type, a revision), in memory once for all that keep them.
// Bounded: when there are too many, all are forgotten, and whoever has one keeps it.
import { detachText } from "./fields.ts";

const MOST_TEXTS = 512;
/** Longer ones are seldom somebody else's, too. */
const LONGEST = 128;

const texts = new Map<string, string>();

/** The same text, in no memory but its own or that of those who say the same. */
export function sharedText(text: string): string {
  if (text.length > LONGEST) return detachText(text);
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size >= MOST_TEXTS) texts.clear();
  const own = detachText(text);
  texts.set(own, own);
  return own;
}
