// What operators may see and do of this process: read from what counts already, done by what serves.
import type { Settings } from "../../config/schema.ts";
import type { Http1Server } from "../../http1/server/server.ts";
import { buildInfo } from "../build_info.ts";
import type { Lasting } from "../lasting.ts";
import { createControl } from "./control.ts";
import type { Operations } from "./operations.ts";
import type { OperatorOptions } from "./operator_options.ts";
import { checkReadiness } from "./readiness.ts";
import { readState } from "./state.ts";
import { tapOf, watchOf } from "./tap.ts";

export interface OperationSources {
  readonly options: Pick<OperatorOptions, "process" | "droppedLines">;
  readonly lasting: Lasting;
  readonly server: Http1Server;
  /** Those in force: they change on reload. */
  readonly settings: () => Settings;
  readonly startedAtMs: number;
  /** `ok`, or what is wrong. Never rejects. */
  readonly checkUpstream: () => Promise<string>;
  readonly metrics: () => string;
}

/** Of this process. */
export function operationsOf(sources: OperationSources): Operations {
  const { options: { process, droppedLines = () => 0 }, lasting, server, settings, startedAtMs } = sources;
  const { checkUpstream, metrics } = sources;
  const { lifecycle, registry, opened, observers, feeds } = lasting;
  const details = () => ({ ...opened.checks(), ...storeCheck(lasting, settings()) });
  const ready = () => checkReadiness({ lifecycle, registry, metrics: lasting.metrics, checkUpstream, details });
  const { version } = buildInfo();
  return {
    control: controlOf(lasting, settings()),
    ready,
    metrics,
    view: () => {
      const { maxConnections, maxBufferedBytes } = settings();
      const logLevel = () => process?.logLevel;
      return readState({
        ...{ lasting, server, ready, version, startedAtMs, maxConnections, maxBufferedBytes, droppedLines, logLevel },
      });
    },
    tap: (hash) => tapOf(lasting, hash),
    watch: (hash) => watchOf(observers, hash),
    tell: (event) => {
      if (observers.watched) observers.tellEvent(event);
    },
    feeds,
  };
}

function controlOf({ tokens, revocations, registry, owners, log, observers, now }: Lasting, { maxIdLength }: Settings) {
  return createControl({
    ...{ tokens, revocations, registry, owners, maxIdLength, log, observers, now },
    ring: () => registry.ring,
  });
}

/** Told, and never decisive: what is known here goes on without the store (docs/behaviour.md R6). */
function storeCheck({ store }: Lasting, configured: Pick<Settings, "store">): Readonly<Record<string, string>> {
  const state = store.shared?.state();
  // Workers share one that nobody has configured: that is told where it is away.
  if (state === undefined || (state.up && configured.store === "memory")) return {};
  return { store: state.up ? "answers" : `does not answer: ${state.cause}` };
}
