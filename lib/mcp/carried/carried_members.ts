// Which stateless messages hold what a client brings back to its server (MCP 2026-07-28: multi-round-trip requests,
// pagination, subscriptions; the tasks extension), and where in them. A message that is not named here holds nothing.

export type CarriedMember = "requestState" | "taskId" | "cursor";

/** What of a method's answers, and of what comes before them, is to be sealed. */
export interface Carries {
  /** `result.requestState`. */
  readonly state: boolean;
  /** `taskId`, in results and notifications, `taskIds` of an acknowledgement, and in `_meta`. */
  readonly task: boolean;
  /** `result.nextCursor`. */
  readonly cursor: boolean;
}

const ASKABLE: Carries = { state: true, task: true, cursor: false };
const LIST: Carries = { state: false, task: false, cursor: true };
const TASK: Carries = { state: true, task: true, cursor: false };
const SUBSCRIPTION: Carries = { state: false, task: true, cursor: false };

const BY_METHOD: ReadonlyMap<string, Carries> = new Map([
  ["tools/call", ASKABLE],
  ["prompts/get", ASKABLE],
  ["resources/read", ASKABLE],
  ["tools/list", LIST],
  ["prompts/list", LIST],
  ["resources/list", LIST],
  ["resources/templates/list", LIST],
  ["tasks/list", { state: false, task: true, cursor: true }],
  ["subscriptions/listen", SUBSCRIPTION],
]);

/** What a request of this method may bring, and what it may be answered with; undefined for neither. */
export function carriesOf(method: string): Carries | undefined {
  return BY_METHOD.get(method) ?? (method.startsWith("tasks/") ? TASK : undefined);
}

/** Methods of tasks that the revision has; a server may have others of an earlier draft, and then answers for them. */
const OF_TASKS: ReadonlySet<string> = new Set(["tasks/get", "tasks/update", "tasks/cancel"]);

/** Whether a method is one that the revision has taken away. */
export function isRemovedTaskMethod(method: string): boolean {
  return method.startsWith("tasks/") && !OF_TASKS.has(method);
}

/** Notifications whose `params.taskId` is one. */
export function isAboutTask(method: string): boolean {
  return method.startsWith("notifications/tasks");
}

export const META_RELATED_TASK = "io.modelcontextprotocol/related-task";
