// Tools of a server's list as clients of the other era are to have them, exchanged where they stand: all else of a list
// crosses to the digit, in one pass, however deep its schemas are nested (docs/behaviour.md S2; docs/protocol.md 24).
import { type Change, spliced } from "../json/json_splice.ts";
import { skipValue, type Span, spells, walkArray, walkObject, wantedBytes } from "../json/json_text.ts";
import { outputSchemaForLegacy } from "./output_schema.ts";

const OPEN_ARRAY = 0x5b, OPEN_OBJECT = 0x7b;
/** Schemas within schemas are looked at so far down: nobody's arguments go deeper. */
const DEEPEST = 64;
const NOTHING = new Uint8Array(0);

const [EXECUTION, INPUT, OUTPUT, HEADER, PROPERTIES] = [
  "execution",
  "inputSchema",
  "outputSchema",
  "x-mcp-header",
  "properties",
].map(wantedBytes) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];

/**
 * Tools without what would promise a stateless client more than a server of the other era keeps: that headers which repeat
 * arguments are looked at, and tasks of that era.
 * @param tools where the list stands in `text` @returns all of `text`
 */
export function toolsForModern(text: Uint8Array, tools: Span): Uint8Array {
  const removed: Change[] = [];
  eachTool(
    text,
    tools,
    (open) =>
      leavingOut(
        text,
        { open, name: EXECUTION, removed },
        (keyStart, keyEnd, start) =>
          spells(text, INPUT, keyStart, keyEnd)
            ? schemaWithoutHeaders(text, { start, levels: DEEPEST, removed })
            : skipValue(text, start),
      ),
  );
  return removed.length === 0 ? text : spliced(text, removed);
}

/** Clients of sessions know results that are objects only. @param tools, returns as `toolsForModern` */
export function toolsForLegacy(text: Uint8Array, tools: Span): Uint8Array {
  const changes: Change[] = [];
  eachTool(text, tools, (open) =>
    walkObject(text, open, (keyStart, keyEnd, start) => {
      const end = skipValue(text, start);
      if (!spells(text, OUTPUT, keyStart, keyEnd) || text[start] !== OPEN_OBJECT) return end;
      const value = outputSchemaForLegacy(text, { start, end });
      if (value !== undefined) changes.push({ span: { start, end }, value });
      return end;
    }));
  return changes.length === 0 ? text : spliced(text, changes);
}

/** @param visit each that is an object; answers where it ends */
function eachTool(text: Uint8Array, { start }: Span, visit: (open: number) => number): void {
  if (text[start] !== OPEN_ARRAY) return;
  walkArray(text, start, (at) => text[at] === OPEN_OBJECT ? visit(at) : skipValue(text, at));
}

/** What is reached by `properties` alone: elsewhere the member means nothing (MCP 2026-07-28, Streamable HTTP). */
function schemaWithoutHeaders(
  text: Uint8Array,
  { start, levels, removed }: { readonly start: number; readonly levels: number; readonly removed: Change[] },
): number {
  if (levels === 0 || text[start] !== OPEN_OBJECT) return skipValue(text, start);
  const within = (at: number) => schemaWithoutHeaders(text, { start: at, levels: levels - 1, removed });
  return leavingOut(
    text,
    { open: start, name: HEADER, removed },
    (keyStart, keyEnd, at) =>
      spells(text, PROPERTIES, keyStart, keyEnd) && text[at] === OPEN_OBJECT
        ? walkObject(text, at, (_keyStart, _keyEnd, value) => within(value))
        : skipValue(text, at),
  );
}

/**
 * Walks an object as `walkObject` does, and notes what has to go for the members of one name not to be there: each with the
 * comma that parts it from what stays.
 * @param removed grows in the order of the text
 */
function leavingOut(
  text: Uint8Array,
  { open, name, removed }: { readonly open: number; readonly name: Uint8Array; readonly removed: Change[] },
  visit: (keyStart: number, keyEnd: number, start: number) => number,
): number {
  // Behind the last member that stays; -1 before the first.
  let keptEnd = -1;
  // The run that the object begins with, if it goes.
  let first = -1, firstEnd = -1;
  const behind = walkObject(text, open, (keyStart, keyEnd, start) => {
    if (spells(text, name, keyStart, keyEnd)) {
      const end = skipValue(text, start);
      if (keptEnd === -1) {
        if (first === -1) first = keyStart;
        firstEnd = end;
      } else {
        removed.push({ span: { start: keptEnd, end }, value: NOTHING });
        keptEnd = end;
      }
      return end;
    }
    if (keptEnd === -1 && first !== -1) removed.push({ span: { start: first, end: keyStart }, value: NOTHING });
    return keptEnd = visit(keyStart, keyEnd, start);
  });
  if (keptEnd === -1 && first !== -1) removed.push({ span: { start: first, end: firstEnd }, value: NOTHING });
  return behind;
}
