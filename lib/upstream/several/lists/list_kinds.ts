// The lists that servers have, and what it takes to read one of a member.
import type { Carrier } from "../../../bridge/peer/peer.ts";
import type { JsonObject } from "../../../platform/json.ts";
import type { OfferKind } from "../members/member.ts";
import type { Ask } from "../members/own_asks.ts";
import type { TaskIds } from "../names/task_ids.ts";

export interface ListKind {
  readonly method: string;
  /** The member of the result that holds the items. */
  readonly items: string;
  readonly kind: OfferKind | "tasks";
  /** The member of an item it goes by. */
  readonly key: "name" | "uri" | "uriTemplate" | "taskId";
}

const ALL: readonly ListKind[] = [
  { method: "tools/list", items: "tools", kind: "tools", key: "name" },
  { method: "prompts/list", items: "prompts", kind: "prompts", key: "name" },
  { method: "resources/list", items: "resources", kind: "resources", key: "uri" },
  { method: "resources/templates/list", items: "resourceTemplates", kind: "resources", key: "uriTemplate" },
  { method: "tasks/list", items: "tasks", kind: "tasks", key: "taskId" },
];

/** By their methods. */
export const LISTS: ReadonlyMap<string, ListKind> = new Map(ALL.map((list) => [list.method, list]));

/** Takes so many bytes more in. @returns false if there is no room */
export type Hold = (bytes: number) => boolean;

export interface ListBy {
  readonly hold: Hold;
  readonly ask: Ask;
  /** Besides the cursor. */
  readonly params: JsonObject;
  readonly carrier: Carrier;
  readonly separator: string;
  readonly taskIds: TaskIds;
  /** Whether somebody still waits for it. */
  readonly wanted: () => boolean;
}
