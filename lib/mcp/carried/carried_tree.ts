// Where in a server's message stands what its client is to bring back: a tree of the members that lead there.
import { type Carries, META_RELATED_TASK } from "./carried_members.ts";

/** What a found value is. `id` and `method` are the message's own, for whoever has to answer or to judge in its place. */
export type FoundKind = "requestState" | "taskId" | "cursor" | "id" | "method";

/** An object or array in which something is looked for. */
export interface Node {
  readonly members: readonly Looked[];
  /** Of an array. */
  readonly items: Node | Leaf | undefined;
}

/** A member that is looked for; its name is ASCII. */
interface Looked {
  readonly name: Uint8Array;
  readonly value: Node | Leaf;
}

function node(members: Readonly<Record<string, Node | Leaf>>, items?: Node | Leaf): Node {
  return { members: Object.entries(members).map(([name, value]) => ({ name: encoder.encode(name), value })), items };
}

const encoder = new TextEncoder();

export interface Leaf {
  readonly kind: FoundKind;
  readonly ifAboutTask: boolean;
}

function leaf(kind: FoundKind, ifAboutTask = false): Leaf {
  return { kind, ifAboutTask };
}

export function isLeaf(node: Node | Leaf): node is Leaf {
  return (node as Leaf).kind !== undefined;
}

const TASK = leaf("taskId");
const META: Node = node({ [META_RELATED_TASK]: node({ taskId: TASK }) });

/** What is looked for in the messages that answer a request, and come before its answer. A tree for each of a few kinds. */
export function watchFor({ state, task, cursor }: Carries): Node {
  const result: Record<string, Node | Leaf> = {};
  if (state) result.requestState = leaf("requestState");
  if (cursor) result.nextCursor = leaf("cursor");
  if (task) {
    result.taskId = TASK;
    result.tasks = node({}, node({ taskId: TASK }));
    result._meta = META;
  }
  const params: Record<string, Node | Leaf> = {
    taskId: leaf("taskId", true),
    notifications: node({ taskIds: node({}, TASK) }),
    _meta: META,
  };
  const message = {
    id: leaf("id"),
    method: leaf("method"),
    result: node(result),
    ...(task ? { params: node(params) } : {}),
  };
  // A batch of one is taken for its message by some clients.
  return node(message, node(message));
}
