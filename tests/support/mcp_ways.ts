// The ways a client reaches a server: directly, which proves the scenario itself, and through Signet in either lane.
import type { Fixture } from "./mcp_servers.ts";
import { type Signet, type SignetOptions, startSignet } from "./mcp_signet.ts";

export type Way = "directly" | "through the fast lane" | "through the full lane";

const ALL: readonly Way[] = ["directly", "through the fast lane", "through the full lane"];

/** Every way, or those named in SIGNET_TEST_WAYS (comma-separated), for work on one of them. */
export const WAYS: readonly Way[] = Deno.env.get("SIGNET_TEST_WAYS")?.split(",").map((way) => way as Way) ?? ALL;

/** The ways that lead through Signet. */
export const SIGNET_WAYS = WAYS.filter((way) => way !== "directly");

/** Starts Signet before `fixture` in the lane that `way` names. */
export function startSignetFor(
  way: Way,
  fixture: Fixture,
  options: Omit<SignetOptions, "upstream" | "fullLane"> = {},
): Promise<Signet> {
  return startSignet({ ...options, upstream: fixture.url, fullLane: way === "through the full lane" });
}

/** Where a client connects to. */
export interface Endpoint extends AsyncDisposable {
  readonly url: string;
}

/** The endpoint of `fixture` by the way asked for; disposing it ends what was started for it, not the fixture. */
export async function openEndpoint(way: Way, fixture: Fixture): Promise<Endpoint> {
  if (way !== "directly") return await startSignetFor(way, fixture);
  return { url: fixture.url, [Symbol.asyncDispose]: () => Promise.resolve() };
}
