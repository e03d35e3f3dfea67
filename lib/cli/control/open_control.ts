// What operators' commands act on: a running Signet (--admin) or its state file (--state). A flag decides; without one, the
// state file that is configured, else the running Signet.
import type { Control } from "../../admin/control.ts";
import { ownValue } from "../../config/flags.ts";
import type { SettingKey } from "../../config/schema.ts";
import { ConfigError } from "../../errors.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import type { CommandContext } from "../command.ts";
import { formatWarning } from "../screen/text.ts";
import { sourcesOf } from "../sources.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS, adminBase } from "./admin_target.ts";
import { asCommand } from "./failures.ts";
import type { RemoteControl } from "./remote_control.ts";
import type { Needs, OpenedControl } from "./state_control.ts";

/** Settings of a command that can act on either. */
export const CONTROL_SETTINGS: readonly SettingKey[] = ["stateFile", ...ADMIN_SETTINGS];

export interface ControlNeeds extends Needs {
  /** For messages: `listing tokens`. */
  readonly attempted: string;
  /** Only a running Signet can do it; says why, completing "--state: …". */
  readonly liveOnly?: string;
}

/** Does `action` on what the flags name; `live` if that is a running Signet. @throws ConfigError, CommandFailure */
export async function withControl<T>(
  context: CommandContext,
  needs: ControlNeeds,
  action: (control: Control, live: boolean) => Promise<T>,
): Promise<T> {
  const opened = await openControl(context, needs);
  try {
    return await asCommand(() => action(opened.control, opened.live));
  } finally {
    await opened.close();
  }
}

async function openControl(context: CommandContext, needs: ControlNeeds): Promise<OpenedControl> {
  const path = await statePath(context, needs);
  if (path === undefined) return await openRemote(context, needs);
  const { openStateControl } = await import("./state_control.ts");
  return await openStateControl(context, path, needs);
}

/** Undefined where the running Signet is to be asked. */
async function statePath(context: CommandContext, { liveOnly }: ControlNeeds): Promise<string | undefined> {
  const byFlag = context.flags.given.has("stateFile");
  const asksAdmin = ownValue(context.flags, ADMIN_FLAG) !== undefined;
  if (byFlag && asksAdmin) {
    const remedy = "Give one: the state file, or the Signet that runs on it.";
    throw new ConfigError([{ place: "--state", problem: "--admin is given too", remedy }]);
  }
  if (byFlag && liveOnly !== undefined) {
    throw new ConfigError([{ place: "--state", problem: liveOnly, remedy: "Ask a running Signet with --admin." }]);
  }
  if (asksAdmin || liveOnly !== undefined) return undefined;
  const { loadSome } = await import("../../config/load.ts");
  return (await loadSome(["stateFile"], sourcesOf(context))).settings.stateFile;
}

async function openRemote(context: CommandContext, needs: ControlNeeds): Promise<OpenedControl> {
  const control = await remoteControl(context, needs.attempted);
  return { control, live: true, close: () => Promise.resolve() };
}

/** The running Signet that --admin names, with the token it wants. @throws ConfigError, CommandFailure */
export async function remoteControl(context: CommandContext, attempted: string): Promise<RemoteControl> {
  const [{ RemoteControl }, { loadSome }, { loadSecrets }] = await Promise.all([
    import("./remote_control.ts"),
    import("../../config/load.ts"),
    import("../../config/named/secrets.ts"),
  ]);
  const base = await adminBase(context, attempted);
  const sources = sourcesOf(context);
  const { settings: { adminTokenFile }, warnings, places } = await loadSome(["adminTokenFile"], sources);
  for (const warning of warnings) context.stderr(formatWarning(warning));
  const { adminToken } = await loadSecrets({
    ...{ adminTokenFile, tokenSecretFile: undefined, introspectionSecretFile: undefined },
  }, { readTextFile: sources.readTextFile, places });
  const { protocol, hostname } = new URL(base);
  if (adminToken !== undefined && protocol === "http:" && !isLoopbackHost(hostname)) {
    context.stderr(formatWarning(`The admin token goes to ${base} in the clear.`));
  }
  return new RemoteControl({ base, token: adminToken, fetch: context.fetch });
}
