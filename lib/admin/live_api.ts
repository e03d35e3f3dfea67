// What operators watch as it happens, guarded as all of the operators' API; server-sent events whose data is JSON:
//   GET /log                              → the last lines of the log, and every further one
//   GET /sessions/tap  ?hash=             → every exchange of one live session when it has ended, without what was said
import { SignetError } from "../errors.ts";
import type { LogTail } from "../observe/log_tail.ts";
import { type AccessOptions, guard } from "./access.ts";
import type { AdminRoute } from "./admin.ts";
import { refusal } from "./answers.ts";
import { queryMembers } from "./control_input.ts";
import type { Feeds, Subscribe } from "./feeds.ts";

/** One exchange of a session, or its end. Nothing in it is an argument, an answer, an id or a credential. */
export interface TapEvent {
  /** When it began, ms since the epoch. */
  readonly atMs: number;
  /** From there to its end. */
  readonly ms: number;
  /** Of JSON-RPC; of HTTP where it has none, such as `GET`. */
  readonly method: string;
  /** Of the tool or prompt; a resource's address without what could be a secret. */
  readonly name?: string;
  /** Of several servers, which. */
  readonly member?: string;
  readonly status: number;
  /** Of the JSON-RPC error that it was answered with. */
  readonly rpcCode?: number;
  /** Of a tool's result. */
  readonly isError?: boolean;
  /** Why Signet refused it. */
  readonly refusal?: string;
  readonly cutBy?: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly stream?: boolean;
  readonly revived?: boolean;
  readonly rerun?: boolean;
}

export interface LiveSources {
  readonly feeds: Feeds;
  /** Undefined where nobody keeps the lines. */
  readonly tail: LogTail | undefined;
  /** Undefined if no live session has this hash. */
  readonly tap: (hash: string) => Subscribe | undefined | Promise<Subscribe | undefined>;
}

/** Path → handler, for `serveAdmin`. */
export function liveRoutes(sources: LiveSources, options: AccessOptions): ReadonlyMap<string, AdminRoute> {
  const guarded = (subscribe: (url: URL) => Subscribe | Promise<Subscribe>): AdminRoute => async (request) => {
    try {
      guard(request, options);
      if (request.method !== "GET") throw new SignetError("method_not_allowed", { allow: "GET" });
      return sources.feeds.open(await subscribe(new URL(request.url)));
    } catch (error) {
      return refusal(error);
    }
  };
  return new Map([
    ["/log", guarded((url) => watchLog(sources, url))],
    ["/sessions/tap", guarded((url) => watchSession(sources, url))],
  ]);
}

function watchLog({ tail }: LiveSources, url: URL): Subscribe {
  queryMembers(url, []).end();
  return (feed) => {
    for (const line of tail?.lines ?? []) feed.push(line);
    return tail?.watch((line) => feed.push(line)) ?? (() => {});
  };
}

async function watchSession({ tap }: LiveSources, url: URL): Promise<Subscribe> {
  const query = queryMembers(url, []);
  const hash = query.text("hash");
  query.end();
  const subscribe = await tap(hash);
  if (subscribe !== undefined) return subscribe;
  throw new SignetError("session_not_found", {
    publicMessage: "No live session has this hash",
    remedy: "`signet sessions` lists those there are; one that is idle comes back when it is used.",
  });
}
