// Whether requests should be sent here (docs/behaviour.md P1, P2). Ready never follows stopping: a probe that takes its
// time is judged by what holds when it ends.
import type { Readiness } from "../../admin/admin.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";

export interface ReadinessSources {
  readonly lifecycle: { readonly leaving: boolean; readonly draining: boolean };
  readonly registry: { readonly ring: KeyRing };
  /** `ok`, or what is wrong. Never rejects. */
  readonly checkUpstream: () => Promise<string>;
  /** What is known of the upstream besides. */
  readonly details?: () => Readonly<Record<string, string>>;
  /** What came of the last initialize: connecting alone proves no MCP server. */
  readonly metrics: { readonly lastHandshake: string };
}

export async function checkReadiness(sources: ReadinessSources): Promise<Readiness> {
  const { lifecycle, registry, checkUpstream, metrics, details } = sources;
  const isGoing = () => lifecycle.leaving || lifecycle.draining;
  const upstream = isGoing() ? "not asked" : await checkUpstream();
  const draining = isGoing();
  return {
    ready: !draining && upstream === "ok",
    checks: {
      draining: draining ? "yes" : "no",
      keys: `${registry.ring.keys.length} loaded`,
      upstream: upstream === "ok" ? "connects" : upstream,
      initialize: metrics.lastHandshake,
      ...details?.(),
    },
  };
}
