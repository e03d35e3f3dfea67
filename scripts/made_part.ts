// A part of a page of docs/ that is made from what the program says of itself: it stands between two markers, a script
// writes it, and a test holds it to what the program is.

export interface MadePart {
  /** Of what: `configuration`. In both markers. */
  readonly name: string;
  /** Who makes it, in the first marker: `scripts/config_table.ts`. */
  readonly script: string;
}

/** Before and after the part. */
export function markersOf({ name, script }: MadePart): readonly [begin: string, end: string] {
  return [`<!-- ${name}: begin (deno run -A ${script} --write) -->`, `<!-- ${name}: end -->`];
}

/**
 * `document` with `text` as its made part.
 * @throws Error if it has not one of each marker, in this order
 */
export function replacePart(part: MadePart, document: string, text: string): string {
  const [beginMark, endMark] = markersOf(part);
  const [begin, end] = [document.indexOf(beginMark), document.indexOf(endMark)];
  if (begin < 0 || end < begin) {
    throw new Error(
      `Looking for where to put the ${part.name} found no markers; want ${beginMark} and, below it, ${endMark}`,
    );
  }
  return `${document.slice(0, begin + beginMark.length)}\n\n${text}\n\n${document.slice(end)}`;
}

/** Whether `document` holds `text` as it is now. `deno fmt` fills lines and pads cells: blanks and dashes tell nothing. */
export function isCurrentPart(part: MadePart, document: string, text: string): boolean {
  const plain = (page: string) => page.replace(/\s+/g, " ").replace(/-{3,}/g, "---");
  return plain(document) === plain(replacePart(part, document, text));
}

/** What such a script does: prints the part, or with `--write` puts it into its page. */
export async function printOrWrite(part: MadePart, pageFile: string, text: string): Promise<"printed" | "written"> {
  const [mode] = Deno.args;
  if (mode === undefined) {
    console.log(text);
    return "printed";
  }
  if (mode !== "--write") {
    console.error(`${part.script} was given ${mode}; it knows --write`);
    Deno.exit(2);
  }
  const page = new URL(`../${pageFile}`, import.meta.url);
  await Deno.writeTextFile(page, replacePart(part, await Deno.readTextFile(page), text));
  return "written";
}
