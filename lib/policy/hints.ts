// What a server says of its tools (MCP 2025-11-25, "ToolAnnotations"), as rules read it. What it does not say is what the
// specification presumes: the worst. One object for each combination, so that two can be compared by identity.
import { isJsonObject } from "../platform/json.ts";

const TOOL_HINTS = ["readOnly", "destructive", "idempotent", "openWorld"] as const;
export type ToolHint = typeof TOOL_HINTS[number];

export type ToolHints = Readonly<Record<ToolHint, boolean>>;

const ANNOTATION: Readonly<Record<ToolHint, string>> = {
  readOnly: "readOnlyHint",
  destructive: "destructiveHint",
  idempotent: "idempotentHint",
  openWorld: "openWorldHint",
};

const PRESUMED: ToolHints = { readOnly: false, destructive: true, idempotent: false, openWorld: true };

/** By its bits, in the order of the hints; made when the first of its kind is said. */
const ALL: ToolHints[] = [];

function hintsOfBits(bits: number): ToolHints {
  return ALL[bits] ??= Object.freeze(
    Object.fromEntries(TOOL_HINTS.map((hint, at) => [hint, (bits >> at & 1) === 1])) as Record<ToolHint, boolean>,
  );
}

/** Of one entry of `tools/list`, or of its `annotations`. */
export function hintsOf(annotations: unknown): ToolHints {
  const said = isJsonObject(annotations) ? annotations : {};
  const bits = TOOL_HINTS.reduce((all, hint, at) => {
    const value = said[ANNOTATION[hint]];
    return (typeof value === "boolean" ? value : PRESUMED[hint]) ? all | 1 << at : all;
  }, 0);
  return hintsOfBits(bits);
}
