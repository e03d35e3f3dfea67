// What this program runs on: told by `signet --version --verbose`, and refused where it could be something else.
import { type BuildFacts, buildFacts } from "../platform/runtime/build_facts.ts";
import { type RuntimeFacts, runtimeFacts } from "../platform/runtime/runtime.ts";
import { runtimeVariables } from "../platform/runtime/runtime_variables.ts";
import { VERSION } from "../platform/version.ts";
import { CommandFailure, EXIT, type Machine } from "./command.ts";

/** @throws CommandFailure if a variable steers the runtime below the program */
export function assertOwnRuntime({ env }: Pick<Machine, "env">): void {
  const found = runtimeVariables(env as Record<string, string>);
  if (found.length === 0) return;
  throw new CommandFailure(
    EXIT.usage,
    `starting: found ${found.join(", ")} in the environment, which changes the runtime that Signet is made with`,
    "Start Signet without it: it is for developers of other programs.",
  );
}

/** What this runtime lacks, and what is done instead. */
async function fallbacks(): Promise<string[]> {
  const { NETWORK } = await import("../platform/sockets.ts");
  return NETWORK.sharesPorts ? [] : ["no SO_REUSEPORT: a new certificate closes the port for some milliseconds"];
}

/** Lines of facts for people who report a fault. */
export async function describeSurroundings(): Promise<string> {
  return formatSurroundings({ runtime: runtimeFacts(), build: buildFacts(), fallbacks: await fallbacks() });
}

function formatSurroundings(
  facts: { runtime: RuntimeFacts; build: BuildFacts | undefined; fallbacks: readonly string[] },
): string {
  const { runtime: { runtime, version, engine, target, sqlite }, build } = facts;
  const rows: readonly (readonly [string, string])[] = [
    ["runtime", `${runtime} ${version} (${engine})`],
    ["target", build?.target ?? target],
    ["commit", build?.commit ?? "not recorded"],
    ["sqlite", sqlite ?? "unknown"],
    ...(facts.fallbacks.length === 0 ? ["none"] : facts.fallbacks).map((text, index) =>
      [index === 0 ? "fall-backs" : "", text] as const
    ),
    ...(build === undefined
      ? []
      : [["ignored", `${build.switchedOff.map((name) => `${name}…`).join(" ")} in the environment`] as const]),
  ];
  return [`signet ${VERSION}`, ...rows.map(([name, text]) => `  ${name.padEnd(11)}${text}`)].join("\n") + "\n";
}
