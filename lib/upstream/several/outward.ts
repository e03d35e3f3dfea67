// What a member says as its clients see it: addresses of resources that lead back to it, wherever an answer holds one
// (docs/behaviour.md A3, A9). Everything else passes byte for byte.
import { findMembers, type Span, stringAt } from "../../mcp/json_text.ts";
import { elementsIn, isObjectAt, jsonBytes, memberAt, type Splice, splice } from "./splices.ts";
import { outwardUri } from "./uris.ts";

/** One address, exchanged. */
function uriSplice(text: Uint8Array, span: Span | undefined, label: string): Splice[] {
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

/** What of a member an answer is turned for. */
export interface OutwardOf {
  readonly label: string;
  /** Of a task's id at the member. @returns undefined for one that cannot be */
  readonly taskId: (inward: string) => string | undefined;
}

/** The answer to a request of this method. */
export function outwardReply(line: Uint8Array, method: string, of: OutwardOf): Uint8Array {
  const { label } = of;
  const result = memberAt(line, "result", wholeOf(line));
  if (result === undefined) return line;
  switch (method) {
    case "tools/call":
    case "tasks/result": {
      const [content, task, taskId, meta] = findMembers(line, ["content", "task", "taskId", "_meta"], result);
      return splice(line, [
        ...elementsIn(line, content).flatMap((block) => contentSplices(line, block, label)),
        ...taskSplices(line, memberAt(line, "taskId", task), of),
        ...taskSplices(line, taskId, of),
        ...relatedSplices(line, meta, of),
      ]);
    }
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
    case "tasks/get":
    case "tasks/cancel": {
      // Of a stateless server the result of the task stands in it.
      const [taskId, within] = findMembers(line, ["taskId", "result"], result);
      const content = elementsIn(line, memberAt(line, "content", within));
      return splice(line, [
        ...taskSplices(line, taskId, of),
        ...content.flatMap((block) => contentSplices(line, block, label)),
      ]);
    }
    default:
      return line;
  }
}

/** `notifications/resources/updated`. */
export function outwardUpdate(line: Uint8Array, label: string): Uint8Array {
  return splice(line, uriSplice(line, memberAt(line, "uri", memberAt(line, "params", wholeOf(line))), label));
}

/** `notifications/tasks/status`, and whatever else a member says of a task unasked. */
export function outwardOfTask(line: Uint8Array, of: OutwardOf): Uint8Array {
  const params = memberAt(line, "params", wholeOf(line));
  const [taskId, meta] = isObjectAt(line, params) ? findMembers(line, ["taskId", "_meta"], params) : [];
  return splice(line, [...taskSplices(line, taskId, of), ...relatedSplices(line, meta, of)]);
}

function taskSplices(text: Uint8Array, span: Span | undefined, { taskId }: OutwardOf): Splice[] {
  const inward = stringAt(text, span);
  // One that cannot come back leads nowhere.
  return inward === undefined ? [] : [{ span: span!, value: jsonBytes(taskId(inward) ?? "") }];
}

/** What says which task a message is about. */
function relatedSplices(text: Uint8Array, meta: Span | undefined, of: OutwardOf): Splice[] {
  return taskSplices(text, memberAt(text, "taskId", memberAt(text, RELATED_TASK, meta)), of);
}

const RELATED_TASK = "io.modelcontextprotocol/related-task";

function wholeOf(text: Uint8Array): Span {
  let start = 0;
  while (start < text.length && text[start] !== 0x7b) start++;
  return { start, end: text.length };
}
