// What the page of metrics is made of.
import type { GatewayParts } from "../../gateway/parts.ts";
import type { Http1Server } from "../../http1/server/server.ts";
import type { BuildInfo } from "../build_info.ts";
import type { Lasting } from "../lasting.ts";
import type { Reloads } from "../reload/reloads.ts";

export interface PageSources {
  readonly lasting: Lasting;
  readonly server: Http1Server;
  /** The parts in force: they change on reload. */
  readonly parts: () => GatewayParts;
  readonly startedAtMs: number;
  readonly droppedLines: () => number;
  readonly build: BuildInfo;
  readonly reloads: Reloads;
  /** Client connections that may be open at once. */
  readonly maxConnections: number;
}
