// The one table of settings, section by section. Flags, `SIGNET_…` names, keys of signet.yaml, help, completions, the
// documented table and the type of `Settings` all come from it. Property names carry units; `name` is what people write.
import { AUDIT } from "./sections/audit.ts";
import { CALLERS, type PRINCIPAL_SOURCES } from "./sections/callers.ts";
import { CREDENTIALS } from "./sections/credentials.ts";
import { FORWARDING } from "./sections/forwarding.ts";
import { KEYS } from "./sections/keys.ts";
import { LIMITS } from "./sections/limits.ts";
import { LISTENING } from "./sections/listening.ts";
import { OPERATION } from "./sections/operation.ts";
import { REPLICAS } from "./sections/replicas.ts";
import { RULES } from "./sections/rules.ts";
import { SESSIONS } from "./sections/sessions.ts";
import { SEVERAL } from "./sections/several.ts";
import { STDIO } from "./sections/stdio.ts";
import { TIMEOUTS } from "./sections/timeouts.ts";
import { environmentName, type Setting, type ValueOf } from "./setting.ts";

export const SETTINGS = {
  ...LISTENING,
  ...FORWARDING,
  ...SEVERAL,
  ...STDIO,
  ...CREDENTIALS,
  ...KEYS,
  ...CALLERS,
  ...SESSIONS,
  ...RULES,
  ...LIMITS,
  ...TIMEOUTS,
  ...REPLICAS,
  ...AUDIT,
  ...OPERATION,
} as const;

/** A property of {@link Settings}. */
export type SettingKey = keyof typeof SETTINGS;

/** Everything that can be configured, checked and with defaults filled in. Units are in the names. */
export type Settings = { readonly [K in SettingKey]: ValueOf<typeof SETTINGS[K]> };

export type PrincipalSourceName = typeof PRINCIPAL_SOURCES[number];

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** Row of a property. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

const KEY_BY_NAME = new Map<string, SettingKey>();
for (const key of SETTING_KEYS) KEY_BY_NAME.set(SETTINGS[key].name, key);
/** Made for the first variable that is asked about: few have any. */
let keyByEnvironment: ReadonlyMap<string, SettingKey> | undefined;

/** Property of a flag or file key such as `session-ttl`. */
export function keyOfName(name: string): SettingKey | undefined {
  return KEY_BY_NAME.get(name);
}

/** Property of an environment variable such as `SIGNET_SESSION_TTL`. */
export function keyOfEnvironment(name: string): SettingKey | undefined {
  keyByEnvironment ??= new Map(SETTING_KEYS.map((key) => [environmentName(SETTINGS[key]), key]));
  return keyByEnvironment.get(name);
}
