// `SIGNET_…` variables as settings. A name nobody knows is refused: a mistyped safeguard must not be silently off.
import type { ConfigProblem } from "../errors.ts";
import { closest } from "./closest.ts";
import type { GivenText, Reading } from "./given.ts";
import { keyOfEnvironment, SETTING_KEYS, type SettingKey, settingOf } from "./schema.ts";
import { environmentName } from "./setting.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export const CONFIG_FILE_VARIABLE = "SIGNET_CONFIG";

/**
 * What Kubernetes adds for every Service of the namespace: one called `signet` or `signet-…` yields names in our prefix
 * (`SIGNET_SERVICE_HOST`, `SIGNET_PORT_8080_TCP_ADDR`, …) that nobody wrote.
 */
const SERVICE_LINK =
  /^SIGNET_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

const PREFIX = "SIGNET_";

/** @returns the problem, and the setting that was most likely meant */
function unknownVariable(place: string): { problem: ConfigProblem; meant: SettingKey | undefined } {
  const settings = SETTING_KEYS.map(settingOf).filter(({ isWords }) => !isWords);
  const names = [...settings.map(environmentName), CONFIG_FILE_VARIABLE];
  // What all have in common would make everything look near.
  const near = closest(place.slice(PREFIX.length), names.map((name) => name.slice(PREFIX.length)));
  const remedy = near === undefined
    ? "Unset it; `signet serve --help` lists all names."
    : `Did you mean ${PREFIX}${near}?`;
  const meant = near === undefined ? undefined : keyOfEnvironment(PREFIX + near);
  return { problem: { place, problem: "there is no such setting", remedy }, meant };
}

/** Reads every `SIGNET_…` variable; a blank one counts as not set. */
export function readEnvironment(env: Environment): Reading {
  const given = new Map<SettingKey, readonly GivenText[]>();
  const problems: ConfigProblem[] = [];
  const broken = new Set<SettingKey>();
  for (const [place, text] of Object.entries(env)) {
    if (text === undefined || !place.startsWith(PREFIX) || place === CONFIG_FILE_VARIABLE) continue;
    const key = keyOfEnvironment(place);
    if (key !== undefined && settingOf(key).isWords && text.trim() !== "") {
      problems.push({
        place,
        problem: "a command is not read from the environment, where its words could not be told apart",
        remedy: "Unset it and write the command behind --, or as a list in the file.",
      });
    } else if (key !== undefined) {
      if (text.trim() !== "") given.set(key, [{ text: text.trim(), place }]);
    } else if (!SERVICE_LINK.test(place)) {
      const { problem, meant } = unknownVariable(place);
      problems.push(problem);
      if (meant !== undefined) broken.add(meant);
    }
  }
  // The runtime would move or duplicate a listener, past every check of ours.
  if (env["DENO_SERVE_ADDRESS"] !== undefined) {
    problems.push({
      place: "DENO_SERVE_ADDRESS",
      problem: "the runtime would move or duplicate Signet's listeners",
      remedy: "Unset it and use --listen and --admin.",
    });
  }
  return { given, problems, broken };
}
