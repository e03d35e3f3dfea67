// What is exported and how, as `OTEL_…` variables say it (config/otel_variables.ts reads them).
import type { Attribute } from "./mcp_conventions.ts";
import type { SamplerOptions } from "./sampler.ts";

export const SIGNALS = ["traces", "metrics", "logs"] as const;
export type Signal = typeof SIGNALS[number];

/** Where one signal goes. */
export interface ExporterSettings {
  /** Whole, with the path of the signal; http or https. */
  readonly url: string;
  /** Lower-case name → value. Secret: for the wire alone. */
  readonly headers: ReadonlyMap<string, string>;
  /** For one batch, all its attempts included, ms. */
  readonly timeoutMs: number;
  readonly gzip: boolean;
  /** PEM file that the collector's certificate is trusted by, besides the built-in roots. */
  readonly certificateFile: string | undefined;
}

/** How what is to be exported waits (`OTEL_BSP_…`, `OTEL_BLRP_…`). */
export interface BatchSettings {
  readonly delayMs: number;
  readonly maxQueue: number;
  readonly maxBatch: number;
}

export interface TelemetrySettings {
  /** Undefined where a signal is not exported. */
  readonly traces: (ExporterSettings & BatchSettings & { readonly sampler: SamplerOptions }) | undefined;
  readonly metrics: (ExporterSettings & { readonly intervalMs: number }) | undefined;
  readonly logs: (ExporterSettings & BatchSettings) | undefined;
  /** Of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`. */
  readonly resource: readonly Attribute[];
}
