// Whether this executable may start programs at all: what `deno task compile` makes may not, unless it was made for it.
import { type SettingKey, settingOf } from "../config/schema.ts";
import { flagOf } from "../config/setting.ts";
import { ConfigError } from "../errors.ts";
import { mayStartPrograms } from "../platform/runtime.ts";

/** @throws ConfigError at the setting that names a program */
export async function assertMayRun(key: SettingKey): Promise<void> {
  if (await mayStartPrograms()) return;
  const problem = "this executable may not start programs";
  const remedy = "Use one made for it (`deno task compile --stdio`), or run Signet from source.";
  throw new ConfigError([{ place: flagOf(settingOf(key)), problem, remedy }]);
}
