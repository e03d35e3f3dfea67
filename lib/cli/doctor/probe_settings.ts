// The settings of the Signet that is started for one look: what leads to the MCP server as it is configured, everything
// else at its default. So nothing of the real one is touched: no listener, no state, no store, no audit log.
import { SETTING_KEYS, settingOf, type Settings } from "../../config/schema.ts";
import type { Section } from "../../config/setting.ts";

/** Whether a section's settings say how the server is reached, and nothing that is shared with a Signet that runs. */
const LEADS_TO_THE_SERVER: Readonly<Record<Section, boolean>> = {
  "Listening": false,
  "Forwarding": true,
  "Several servers": true,
  "Stdio servers": true,
  "Credentials": true,
  "Keys": false,
  "Callers": false,
  "Sessions": true,
  "Rules and rates": false,
  "Limits": true,
  "Time-outs": true,
  "Replicas": false,
  "Audit": false,
  "Operation": false,
};

export function probeSettings(settings: Settings): Settings {
  const taken = SETTING_KEYS.map((key) => {
    const { section, default: unset } = settingOf(key);
    return [key, LEADS_TO_THE_SERVER[section] ? settings[key] : unset];
  });
  return {
    // Each value is the settings' own, or that row's default: what the type of Settings is derived from.
    ...Object.fromEntries(taken) as unknown as Settings,
    ...{ listen: { hostname: "127.0.0.1", port: 0 }, admin: "off", principals: ["anonymous"] },
    ...{ adopt: false, sessionOnly: false, unsafeFiles: settings.unsafeFiles },
    // Nobody waits for a server that is away, nor at the end for one that hangs.
    ...{ connectPatienceMs: 0, drainTimeoutMs: 1_000 },
  };
}
