// Arguments that a stateless server wants in headers as well: those whose schema says `x-mcp-header` (MCP 2026-07-28,
// Streamable HTTP, "Custom Headers from Tool Parameters"). Which they are is learnt from the server's list once it has
// missed one, and remembered.
import type { FieldList } from "../../http1/types.ts";
import { encodeHeaderValue } from "../../mcp/eras/header_value.ts";
import type { Span } from "../../mcp/json/json_text.ts";
import { memberAt } from "../../mcp/messages/json_places.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";

/** Of one tool: where an argument stands, and the header that repeats it. */
interface Mirrored {
  readonly path: readonly string[];
  readonly header: string;
}

const HEADER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** Nobody needs more of one tool. */
const MAX_MIRRORED = 64, MAX_DEPTH = 8;
/** Tools remembered for having any. */
const MAX_TOOLS = 1000;

const decoder = new TextDecoder();

export class ParamHeaders {
  readonly #byTool = new Map<string, readonly Mirrored[]>();

  /** Takes in a page of the server's list. */
  learn(tools: unknown): void {
    if (!Array.isArray(tools)) return;
    for (const tool of tools) {
      if (!isJsonObject(tool) || typeof tool.name !== "string" || !isJsonObject(tool.inputSchema)) continue;
      const found: Mirrored[] = [];
      collect(tool.inputSchema, [], found);
      if (found.length === 0) this.#byTool.delete(tool.name);
      else if (this.#byTool.size < MAX_TOOLS || this.#byTool.has(tool.name)) this.#byTool.set(tool.name, found);
    }
  }

  /** For a call of this tool. @param args the JSON text of its arguments */
  of(tool: string, text: Uint8Array, args: Span | undefined): FieldList {
    const mirrored = this.#byTool.get(tool);
    if (mirrored === undefined || args === undefined) return [];
    return mirrored.flatMap(({ path, header }) => {
      const value = valueAt(text, path, args);
      return value === undefined ? [] : [`mcp-param-${header.toLowerCase()}`, encodeHeaderValue(value)];
    });
  }
}

/** What is reached by `properties` alone. */
function collect(schema: JsonObject, path: readonly string[], found: Mirrored[]): void {
  if (!isJsonObject(schema.properties) || path.length >= MAX_DEPTH) return;
  for (const [name, property] of Object.entries(schema.properties)) {
    if (!isJsonObject(property)) continue;
    const header = property["x-mcp-header"];
    if (typeof header === "string" && HEADER.test(header) && found.length < MAX_MIRRORED) {
      found.push({ path: [...path, name], header });
    }
    collect(property, [...path, name], found);
  }
}

/** A text, an integer or a boolean as a header says it; undefined for what is not there, or null. */
function valueAt(text: Uint8Array, path: readonly string[], within: Span): string | undefined {
  let at: Span | undefined = within;
  for (const name of path) {
    at = memberAt(text, name, at);
    if (at === undefined) return undefined;
  }
  const written = decoder.decode(text.subarray(at.start, at.end));
  if (written.startsWith('"')) return parseJson(written) as string;
  return written === "null" || written.startsWith("{") || written.startsWith("[") ? undefined : written;
}
