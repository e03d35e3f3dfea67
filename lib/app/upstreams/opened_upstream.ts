// An upstream as the app holds it, whatever its kind: what the kinds are made from, and what each has besides `Upstream`.
import type { UpstreamView } from "../../admin/state_view.ts";
import type { ConfiguredLimits, RerunOutcome } from "../../bridge/limits.ts";
import type { Secrets } from "../../config/named/secrets.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import type { Logger } from "../../observe/log.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import type { PooledSessions } from "../../upstream/peers/pooled/pooled_sessions.ts";
import type { HereFor, Upstream } from "../../upstream/upstream.ts";

export interface OpenedUpstream {
  readonly upstream: Upstream;
  /** Puts what is counted of this kind on the page. */
  declare(page: MetricsPage): void;
  /** What a probe of readiness is told of it besides, and never decides. */
  checks(): Readonly<Record<string, string>>;
  /** What it is, for operators' eyes. */
  view(): UpstreamView;
  /** Lets go of everything; settles when nothing is left, or after a time with a line in the log. Again: nothing. */
  close(): Promise<void>;
}

export interface OpenUpstreamOptions {
  readonly secrets: Secrets;
  readonly log: Logger;
  /** What memory in use is charged to. */
  readonly account: ByteAccount;
  /** The keys in force at the moment. */
  readonly ring: () => KeyRing;
  /** Where sessions of stateless clients are kept; undefined where they end with the process. */
  readonly pools: PooledSessions | undefined;
  /** This replica among others. */
  readonly here: HereFor;
  /** A file that is read once. */
  readonly readOnce: (path: string) => Promise<string>;
  /** For every bridge, whatever is behind it. */
  readonly bridgeLimits: ConfiguredLimits;
  /** See `BridgeParts`. */
  readonly onLostCall: (outcome: RerunOutcome) => void;
}
