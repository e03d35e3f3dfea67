// Secrets taken out of text before anybody cuts or prints it (P1, B7). All of a secret's lines count by themselves, and
// the forms in which programs quote it: as JSON, and in a URL. What stands at the end of a line as the beginning of a
// secret is blanked as well, and its rest at the beginning of the next, so that no wrapping and no cut shows a half.

/** Stands where a secret stood. */
const BLANK = "[redacted]";

/** Below this a text is blanked only where it stands alone: "on" must not be taken out of "connection". */
const ANYWHERE_LENGTH = 4;
/** So much of a secret at the end of a line is taken for its beginning. */
const HEAD_LENGTH = 4;

/** A secret of which a line's end has shown the first `shown` characters. */
interface Begun {
  readonly text: string;
  readonly shown: number;
}

/** Blanks the secrets it was made with. One for each stream of lines: it remembers how the last line ended. */
export class Blanker {
  /** Longest first, so that one that holds another is found whole. */
  readonly #texts: readonly string[];
  readonly #alone: RegExp | undefined;
  #begun: readonly Begun[] = [];
  /** The longest text that is looked for, in UTF-16 units. */
  readonly longest: number;

  constructor(secrets: Iterable<string>) {
    const texts = [...new Set([...secrets].flatMap(formsOf))].sort((a, b) => b.length - a.length);
    this.#texts = texts.filter(({ length }) => length >= ANYWHERE_LENGTH);
    const short = texts.filter(({ length }) => length < ANYWHERE_LENGTH).map(quoteForRegExp);
    this.#alone = short.length === 0 ? undefined : new RegExp(`(?<![\\w-])(?:${short.join("|")})(?![\\w-])`, "g");
    this.longest = texts[0]?.length ?? 0;
  }

  /** A whole line without its end, with nothing secret left in it. */
  line(text: string): string {
    const spans: [start: number, end: number][] = [];
    const rests = this.#continued(text, spans);
    for (const secret of this.#texts) {
      for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + 1)) {
        spans.push([at, at + secret.length]);
      }
    }
    for (const { index, 0: found } of this.#alone === undefined ? [] : text.matchAll(this.#alone)) {
      spans.push([index, index + found.length]);
    }
    this.#begun = [...rests, ...this.#beginnings(text, spans)];
    return blankSpans(text, spans);
  }

  /** What goes on from the line before; those that fill this line go on in the next. */
  #continued(text: string, spans: [number, number][]): Begun[] {
    const rests: Begun[] = [];
    for (const { text: secret, shown } of this.#begun) {
      const rest = secret.length - shown;
      if (rest <= text.length) {
        if (text.startsWith(secret.slice(shown))) spans.push([0, rest]);
      } else if (text !== "" && secret.startsWith(text, shown)) {
        spans.push([0, text.length]);
        rests.push({ text: secret, shown: shown + text.length });
      }
    }
    return rests;
  }

  #beginnings(text: string, spans: [number, number][]): Begun[] {
    const begun: Begun[] = [];
    for (const secret of this.#texts) {
      const head = secret.slice(0, HEAD_LENGTH);
      const from = Math.max(0, text.length - secret.length + 1);
      for (let at = text.indexOf(head, from); at !== -1; at = text.indexOf(head, at + 1)) {
        if (!secret.startsWith(text.slice(at))) continue;
        spans.push([at, text.length]);
        begun.push({ text: secret, shown: text.length - at });
      }
    }
    return begun;
  }
}

/**
 * Every text that shows a secret: the whole and each of its lines, as they are and as JSON and URLs write them, and the
 * whole in base64, as Basic credentials have it.
 */
function formsOf(secret: string): string[] {
  const lines = secret.split(/[\r\n\u0085\u2028\u2029]+/).map((line) => line.trim()).filter((line) => line !== "");
  if (lines.length === 0) return [];
  const whole = secret.trim();
  const forms = [whole, ...lines].flatMap((text) => [text, quoted(text), encodeURIComponent(text.toWellFormed())]);
  return [...forms, ...inBase64(whole)];
}

/** Shorter ones have too little of their own in base64 to be told from anything else. */
const LEAST_IN_BASE64 = 8;

/** What of a text stands in the base64 of whatever holds it, wherever it begins there (RFC 4648 §4, §5). */
function inBase64(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < LEAST_IN_BASE64) return [];
  return [0, 1, 2].flatMap((before) => {
    const written = new Uint8Array([...new Uint8Array(before), ...bytes]).toBase64({ omitPadding: true });
    // Digits that say something of what stands before or behind as well are no part of it.
    const own = written.slice([0, 2, 3][before], (before + bytes.length) % 3 === 0 ? undefined : -1);
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function quoted(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function quoteForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}

/** Overlapping spans are blanked as one. */
function blankSpans(text: string, spans: [start: number, end: number][]): string {
  if (spans.length === 0) return text;
  spans.sort((a, b) => a[0] - b[0]);
  let shown = "";
  let at = 0;
  let [start, end] = spans[0]!;
  for (const span of [...spans.slice(1), [text.length, text.length] as const]) {
    if (span[0] <= end && span[0] !== text.length) {
      end = Math.max(end, span[1]);
      continue;
    }
    shown += text.slice(at, start) + BLANK;
    at = end;
    [start, end] = span;
  }
  return shown + text.slice(at);
}
