// What runs here, as metrics and traces name it.
import { buildFacts } from "../platform/runtime/build_facts.ts";
import { runtimeFacts } from "../platform/runtime/runtime.ts";
import { VERSION } from "../platform/version.ts";

export interface BuildInfo {
  readonly version: string;
  /** Empty when run from source. */
  readonly commit: string;
  /** Such as `bun 1.4.5`. */
  readonly runtime: string;
  /** Such as `linux-x64`. */
  readonly target: string;
}

export function buildInfo(): BuildInfo {
  const build = buildFacts();
  const { runtime, version: of, target } = runtimeFacts();
  return {
    version: VERSION,
    commit: build?.commit ?? "",
    runtime: `${runtime} ${of}`,
    target: build?.target ?? target,
  };
}
