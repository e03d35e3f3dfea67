// The admin listener of a running Signet: probes and metrics, and what operators may see and do.
import { type AdminOptions, type AdminServer, serveAdmin } from "../../admin/admin.ts";
import { adminHosts } from "../../admin/admin_hosts.ts";
import type { AdminToken } from "../../admin/admin_token.ts";
import { controlRoutes } from "../../admin/control_api.ts";
import { explainRoutes } from "../../admin/explain_api.ts";
import { liveRoutes } from "../../admin/live_api.ts";
import { pageRoutes } from "../../admin/page.ts";
import { processRoutes } from "../../admin/process_api.ts";
import { stateRoutes } from "../../admin/state_view.ts";
import type { Settings } from "../../config/schema.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import type { Logger } from "../../observe/log.ts";
import type { Operations } from "./operations.ts";
import type { OperatorOptions } from "./operator_options.ts";

export interface AdminSources {
  readonly options: OperatorOptions;
  readonly operations: Operations;
  readonly settings: Pick<Settings, "adminAllowHosts">;
  /** What operators show; undefined where none is configured. */
  readonly token: AdminToken | undefined;
  readonly log: Logger;
}

/** @throws a fault of the system where the address cannot be had */
export async function openAdmin(
  address: { readonly hostname: string; readonly port: number },
  { options, operations, settings, token, log }: AdminSources,
): Promise<AdminServer> {
  const { process, logTail: tail, explain, now } = options;
  const { hostname } = address;
  const { control, feeds } = operations;
  const allowsHost = adminHosts({ hostname, allowed: settings.adminAllowHosts });
  const access = { token, loopback: isLoopbackHost(hostname), allowsHost };
  const onRefusal: AdminOptions["onRefusal"] = ({ path: what, status, remote: from }) => {
    operations.tell({ event: "admin.refuse", atMs: now(), what, reason: `${status}`, from, ok: false });
  };
  const live = { feeds, tail, tap: (hash: string) => operations.tap(hash) };
  return await serveAdmin({
    ...{ ...address, allowsHost, log, onRefusal, onClose: () => feeds.closeAll() },
    ready: () => operations.ready(),
    metrics: () => operations.metrics(),
    routes: new Map([
      ...pageRoutes(access),
      ...controlRoutes(control, access),
      ...stateRoutes(() => operations.view(), access),
      ...liveRoutes(live, access),
      ...explainRoutes(explain, access),
      ...(process === undefined ? [] : processRoutes(process, access)),
    ]),
  });
}
