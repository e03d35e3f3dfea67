// What starting says: what the configuration comes to, and what to beware of. For people on a terminal; log lines with the
// same facts otherwise.
import type { RunningApp } from "../../app/running_app.ts";
import { storeAddress } from "../../config/values/store_address.ts";
import type { Logger } from "../../observe/log.ts";
import { VERSION } from "../../platform/version.ts";
import type { CommandContext } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { type Style, styleFor, wrap } from "../screen/text.ts";
import {
  describeApi,
  describeProcesses,
  describeReplicas,
  endpointUrl,
  formatSummary,
  formatUpstreams,
} from "./summary.ts";

function adminUrl(app: RunningApp): string | undefined {
  if (app.admin === undefined) return undefined;
  return app.admin.includes("://") ? app.admin : `http://${app.admin}`;
}

function formatBanner({ configuration, app }: Announcement, style: Style): string {
  const { settings, warnings } = configuration;
  const admin = adminUrl(app);
  const lines = formatSummary(configuration, {
    listen: app.listen,
    workers: app.workers,
    admin: admin === undefined ? "off" : `${admin}/  page, probes, metrics, ${describeApi(settings)}`,
  }, style);
  const beware = warnings.flatMap((warning) =>
    wrap(warning, style.columns - 4).map((line, index) => `  ${index === 0 ? style.danger("!") : " "} ${line}`)
  );
  return [
    "",
    `  ${style.bold("signet")} ${VERSION}`,
    "",
    ...lines,
    "",
    ...beware,
    ...(beware.length > 0 ? [""] : []),
    "",
  ].join("\n");
}

export interface Announcement {
  readonly context: CommandContext;
  readonly configuration: Configuration;
  readonly app: RunningApp;
  readonly log: Logger;
  readonly human: boolean;
  /** Takes the banner, for people. */
  readonly write: (text: string) => void;
}

export function announce(announcement: Announcement): void {
  const { context, configuration: { settings, keys, warnings }, app, log, human, write } = announcement;
  if (human) {
    write(formatBanner(announcement, styleFor(context.stderrIsTerminal, context.env, context.stdoutColumns)));
    return;
  }
  for (const warning of warnings) log.warn("beware", { warning });
  log.info("listening", {
    version: VERSION,
    listen: endpointUrl(app.listen, settings),
    workers: app.workers,
    forward: formatUpstreams(settings),
    processes: describeProcesses(settings),
    callers: settings.principals.join(","),
    key: keys.ephemeral ? "ephemeral" : keys.ring.active.id,
    keys: keys.ring.keys.length,
    key_source: keys.source,
    state: settings.stateFile ?? storeAddress.format(settings.store),
    replicas: describeReplicas(settings),
    admin: adminUrl(app) ?? "off",
  });
}
