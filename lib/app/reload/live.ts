// Which settings a reload can put in force, and which need a restart. Told apart here, so that SIGHUP never half-works.
import { SETTING_KEYS, type SettingKey, settingOf, type Settings } from "../../config/schema.ts";
import { AUDIT } from "../../config/sections/audit.ts";
import { CREDENTIALS } from "../../config/sections/credentials.ts";
import { REPLICAS } from "../../config/sections/replicas.ts";
import { SEVERAL } from "../../config/sections/several.ts";
import { STDIO } from "../../config/sections/stdio.ts";
import { listedAs } from "../../config/setting.ts";

/** Bound when the process starts: sockets, pools, and what living sessions were promised. */
const AT_START_ONLY: ReadonlySet<SettingKey> = new Set([
  "listen",
  "workers",
  "legacySse",
  "admin",
  "tlsCertFile",
  "tlsKeyFile",
  "upstreams",
  "upstreamCaFile",
  "era",
  ...Object.keys(SEVERAL) as (keyof typeof SEVERAL)[],
  ...Object.keys(STDIO) as (keyof typeof STDIO)[],
  ...Object.keys(REPLICAS) as (keyof typeof REPLICAS)[],
  ...Object.keys(CREDENTIALS) as (keyof typeof CREDENTIALS)[],
  ...(Object.keys(AUDIT) as (keyof typeof AUDIT)[]).filter((key) => key !== "accessLog"),
  "bindClientId",
  "sessionIdleMs",
  "sweepIntervalMs",
  "sseKeepAliveMs",
  "stateFile",
  "tokenSecretFile",
  "maxTokensPerAgent",
  "identityTtlMs",
  "adminTokenFile",
  "adminAllowHosts",
  "maxConnections",
  "maxBodyBytes",
  "maxHeadBytes",
  "maxIdLength",
  "connectTimeoutMs",
  "connectPatienceMs",
  "responseTimeoutMs",
  "parkTimeoutMs",
  "headTimeoutMs",
  "bodyTimeoutMs",
  "writeTimeoutMs",
  "idleTimeoutMs",
]);

/** Flags of settings that differ but cannot change while running. */
export function needRestart(before: Settings, after: Settings): string[] {
  return SETTING_KEYS
    .filter((key) => AT_START_ONLY.has(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => listedAs(settingOf(key)));
}

/** `after` with everything that needs a restart left as it was. */
export function withLive(before: Settings, after: Settings): Settings {
  const kept = Object.fromEntries(
    SETTING_KEYS.filter((key) => AT_START_ONLY.has(key)).map((key) => [key, before[key]]),
  );
  return { ...after, ...kept };
}
