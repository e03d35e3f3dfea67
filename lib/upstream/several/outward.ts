// What a member says as its clients see it: addresses of resources that lead back to it, wherever an answer holds one
// (docs/behaviour.md A3, A9). Everything else passes byte for byte.
import type { Span } from "../../mcp/json_text.ts";
import { elementsIn, jsonBytes, memberAt, type Splice, splice, stringAt } from "./splices.ts";
import { outwardUri } from "./uris.ts";

/** One address, exchanged. */
export function uriSplice(text: Uint8Array, span: Span | undefined, label: string): Splice[] {
  const uri = stringAt(text, span);
  return uri === undefined ? [] : [{ span: span!, value: jsonBytes(outwardUri(label, uri)) }];
}

/** Those of a tool that has a view (MCP Apps), in either place its `_meta` holds them. */
export function viewSplices(text: Uint8Array, meta: Span | undefined, label: string): Splice[] {
  if (meta === undefined) return [];
  return [
    ...uriSplice(text, memberAt(text, "resourceUri", memberAt(text, "ui", meta)), label),
    ...uriSplice(text, memberAt(text, "ui/resourceUri", meta), label),
  ];
}

function contentSplices(text: Uint8Array, block: Span, label: string): Splice[] {
  const type = stringAt(text, memberAt(text, "type", block));
  if (type === "resource_link") return uriSplice(text, memberAt(text, "uri", block), label);
  return type === "resource" ? uriSplice(text, memberAt(text, "uri", memberAt(text, "resource", block)), label) : [];
}

/** The answer to a request of this method. */
export function outwardReply(line: Uint8Array, method: string, label: string): Uint8Array {
  const result = memberAt(line, "result", wholeOf(line));
  if (result === undefined) return line;
  switch (method) {
    case "tools/call":
      return splice(
        line,
        elementsIn(line, memberAt(line, "content", result)).flatMap((block) => contentSplices(line, block, label)),
      );
    case "prompts/get":
      return splice(
        line,
        elementsIn(line, memberAt(line, "messages", result)).flatMap((message) => {
          const content = memberAt(line, "content", message);
          return content === undefined ? [] : contentSplices(line, content, label);
        }),
      );
    case "resources/read":
      return splice(
        line,
        elementsIn(line, memberAt(line, "contents", result)).flatMap((item) =>
          uriSplice(line, memberAt(line, "uri", item), label)
        ),
      );
    default:
      return line;
  }
}

/** `notifications/resources/updated`. */
export function outwardUpdate(line: Uint8Array, label: string): Uint8Array {
  return splice(line, uriSplice(line, memberAt(line, "uri", memberAt(line, "params", wholeOf(line))), label));
}

function wholeOf(text: Uint8Array): Span {
  let start = 0;
  while (start < text.length && text[start] !== 0x7b) start++;
  return { start, end: text.length };
}
