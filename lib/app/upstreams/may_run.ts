// Whether this executable may start programs at all: what `deno task compile` makes on Deno's runtime may not, unless it
// was made for it.
import { type SettingKey, settingOf } from "../../config/schema.ts";
import { flagOf } from "../../config/setting.ts";
import { ConfigError } from "../../errors.ts";
import { mayStartPrograms } from "../../platform/runtime/runtime.ts";

/** Where to get an executable that may, of either runtime. */
export const PROGRAMS_REMEDY =
  "Use one made with Bun (`deno task compile --runtime bun`), or with Deno for that (`deno task compile --stdio`), " +
  "or run Signet from source.";

/** @throws ConfigError at the setting that names a program */
export async function assertMayRun(key: SettingKey): Promise<void> {
  if (await mayStartPrograms()) return;
  const problem = "this executable may not start programs";
  throw new ConfigError([{ place: flagOf(settingOf(key)), problem, remedy: PROGRAMS_REMEDY }]);
}
