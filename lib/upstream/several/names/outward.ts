// What a member says as its clients see it: addresses of resources that lead back to it, wherever an answer holds one
// (docs/behaviour.md A3, A9). Everything else passes byte for byte.
import { membersAlike } from "../../../mcp/json/alike_members.ts";
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import { type Change, spliced } from "../../../mcp/json/json_splice.ts";
import { objectIn, type Span, stringAt } from "../../../mcp/json/json_text.ts";
import { elementsIn } from "../../../mcp/messages/json_places.ts";
import { outwardUri } from "./uris.ts";

/** Bytes that stand in for others. */
export interface Splice extends Change {
  readonly value: Uint8Array;
}

/** @param splices in any order, none within another */
function turned(text: Uint8Array, splices: readonly Splice[]): Uint8Array {
  if (splices.length === 0) return text;
  return spliced(text, splices.toSorted((a, b) => a.span.start - b.span.start));
}

/** Values of these members of each of these objects, however a reader may have their names spelt. */
function eachOf(text: Uint8Array, names: readonly string[], within: readonly Span[]): readonly Span[][] {
  const found = within.map((one) => membersAlike(text, names, one));
  return names.map((_, at) => found.flatMap((spans) => spans[at]!));
}

function each(text: Uint8Array, name: string, within: readonly Span[]): readonly Span[] {
  return eachOf(text, [name], within)[0]!;
}

function elements(text: Uint8Array, arrays: readonly Span[]): Span[] {
  return arrays.flatMap((array) => elementsIn(text, array));
}

/** These addresses, exchanged. */
function uriSplices(text: Uint8Array, uris: readonly Span[], label: string): Splice[] {
  return uris.flatMap((span) => {
    const uri = stringAt(text, span);
    return uri === undefined ? [] : [{ span, value: encodeJson(outwardUri(label, uri)) }];
  });
}

/** Those of a tool that has a view (MCP Apps), in either place its `_meta` holds them. */
export function viewSplices(text: Uint8Array, meta: Span | undefined, label: string): Splice[] {
  if (meta === undefined) return [];
  const [views, uris] = eachOf(text, ["ui", "ui/resourceUri"], [meta]) as [Span[], Span[]];
  return uriSplices(text, [...each(text, "resourceUri", views), ...uris], label);
}

function contentSplices(text: Uint8Array, blocks: readonly Span[], label: string): Splice[] {
  return blocks.flatMap((block) => {
    const [types, uris, resources] = membersAlike(text, ["type", "uri", "resource"], block) as [Span[], Span[], Span[]];
    const is = (type: string) => types.some((span) => stringAt(text, span) === type);
    const embedded = is("resource") ? each(text, "uri", resources) : [];
    return uriSplices(text, is("resource_link") ? [...uris, ...embedded] : embedded, label);
  });
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
  const results = each(line, "result", [objectIn(line)]);
  switch (method) {
    case "tools/call":
    case "tasks/result": {
      const [contents, tasks, taskIds, metas] = eachOf(
        line,
        ["content", "task", "taskId", "_meta"],
        results,
      ) as Span[][];
      return turned(line, [
        ...contentSplices(line, elements(line, contents!), label),
        ...taskSplices(line, [...each(line, "taskId", tasks!), ...taskIds!], of),
        ...relatedSplices(line, metas!, of),
      ]);
    }
    case "prompts/get": {
      const messages = elements(line, each(line, "messages", results));
      return turned(line, contentSplices(line, each(line, "content", messages), label));
    }
    case "resources/read": {
      const contents = elements(line, each(line, "contents", results));
      return turned(line, uriSplices(line, each(line, "uri", contents), label));
    }
    case "tasks/get":
    case "tasks/cancel": {
      // Of a stateless server the result of the task stands in it.
      const [taskIds, within] = eachOf(line, ["taskId", "result"], results) as Span[][];
      const contents = elements(line, each(line, "content", within!));
      return turned(line, [...taskSplices(line, taskIds!, of), ...contentSplices(line, contents, label)]);
    }
    default:
      return line;
  }
}

/** `notifications/resources/updated`. */
export function outwardUpdate(line: Uint8Array, label: string): Uint8Array {
  return turned(line, uriSplices(line, each(line, "uri", each(line, "params", [objectIn(line)])), label));
}

/** `notifications/tasks/status`, and whatever else a member says of a task unasked. */
export function outwardOfTask(line: Uint8Array, of: OutwardOf): Uint8Array {
  const [taskIds, metas] = eachOf(line, ["taskId", "_meta"], each(line, "params", [objectIn(line)])) as Span[][];
  return turned(line, [...taskSplices(line, taskIds!, of), ...relatedSplices(line, metas!, of)]);
}

function taskSplices(text: Uint8Array, ids: readonly Span[], { taskId }: OutwardOf): Splice[] {
  return ids.flatMap((span) => {
    const inward = stringAt(text, span);
    // One that cannot come back leads nowhere.
    return inward === undefined ? [] : [{ span, value: encodeJson(taskId(inward) ?? "") }];
  });
}

/** What says which task a message is about. */
function relatedSplices(text: Uint8Array, metas: readonly Span[], of: OutwardOf): Splice[] {
  return taskSplices(text, each(text, "taskId", each(text, RELATED_TASK, metas)), of);
}

const RELATED_TASK = "io.modelcontextprotocol/related-task";
