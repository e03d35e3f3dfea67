// The admin listener of a running Signet: probes and metrics, and what operators may see and do.
import { type AdminOptions, type AdminServer, serveAdmin } from "../admin/admin.ts";
import { adminHosts } from "../admin/admin_hosts.ts";
import { controlRoutes } from "../admin/control_api.ts";
import { explainRoutes } from "../admin/explain_api.ts";
import { liveRoutes } from "../admin/live_api.ts";
import { pageRoutes } from "../admin/page.ts";
import { processRoutes } from "../admin/process_api.ts";
import { stateRoutes } from "../admin/state_view.ts";
import type { Settings } from "../config/schema.ts";
import type { Http1Server } from "../http1/server/server.ts";
import { isLoopbackHost } from "../http1/wire/authority.ts";
import { buildInfo } from "./build_info.ts";
import { createControl } from "./control.ts";
import type { Lasting } from "./lasting.ts";
import { checkReadiness } from "./readiness.ts";
import type { AppOptions } from "./running_app.ts";
import { readState } from "./state.ts";
import { tapOf } from "./tap.ts";

export interface AdminSources {
  readonly options: Pick<AppOptions, "process" | "droppedLines" | "logTail" | "explain">;
  readonly lasting: Lasting;
  readonly server: Http1Server;
  /** Those in force: they change on reload. */
  readonly settings: () => Settings;
  readonly startedAtMs: number;
  /** `ok`, or what is wrong. Never rejects. */
  readonly checkUpstream: () => Promise<string>;
  readonly metrics: () => string;
}

/** @throws a fault of the system where the address cannot be had */
export async function openAdmin(
  address: { readonly hostname: string; readonly port: number },
  sources: AdminSources,
): Promise<AdminServer> {
  const { options: { process, droppedLines = () => 0 }, lasting, server, settings, startedAtMs } = sources;
  const { lifecycle, registry, metrics, opened, secrets, log } = lasting;
  const { hostname } = address;
  const { checkUpstream } = sources;
  const details = () => ({ ...opened.checks(), ...storeCheck(lasting) });
  const ready = () => checkReadiness({ lifecycle, registry, metrics, checkUpstream, details });
  const allowsHost = adminHosts({ hostname, allowed: settings().adminAllowHosts });
  const access = { token: secrets.adminToken, loopback: isLoopbackHost(hostname), allowsHost };
  const { version } = buildInfo();
  const view = () => {
    const { maxConnections, maxBufferedBytes } = settings();
    const logLevel = () => process?.logLevel;
    return readState({
      ...{ lasting, server, ready, version, startedAtMs, maxConnections, maxBufferedBytes, droppedLines, logLevel },
    });
  };
  const { feeds, observers, now } = lasting;
  const onRefusal: AdminOptions["onRefusal"] = ({ path, status, remote }) => {
    if (!observers.watched) return;
    observers.tellEvent({
      event: "admin.refuse",
      atMs: now(),
      what: path,
      reason: `${status}`,
      from: remote,
      ok: false,
    });
  };
  const live = { feeds, tail: sources.options.logTail, tap: (hash: string) => tapOf(lasting, hash) };
  return await serveAdmin({
    ...{ ...address, ready, allowsHost, metrics: sources.metrics, log, onRefusal, onClose: () => feeds.closeAll() },
    routes: new Map([
      ...pageRoutes(access),
      ...controlRoutes(controlOf(lasting, settings()), access),
      ...stateRoutes(view, access),
      ...liveRoutes(live, access),
      ...explainRoutes(sources.options.explain, access),
      ...(process === undefined ? [] : processRoutes(process, access)),
    ]),
  });
}

function controlOf({ tokens, revocations, registry, owners, log, observers, now }: Lasting, { maxIdLength }: Settings) {
  return createControl({
    ...{ tokens, revocations, registry, owners, maxIdLength, log, observers, now },
    ring: () => registry.ring,
  });
}

/** Told, and never decisive: what is known here goes on without the store (docs/behaviour.md R6). */
function storeCheck({ store }: Lasting): Readonly<Record<string, string>> {
  const state = store.shared?.state();
  if (state === undefined) return {};
  return { store: state.up ? "answers" : `does not answer: ${state.cause}` };
}
