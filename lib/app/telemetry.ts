// OpenTelemetry as the settings want it: what is exported, by whom it is filled, and an end that waits for nobody long.
// Loaded only where something is exported. An exporter that fails harms no request: what it cannot deliver is dropped and
// counted, and the log says when that begins and ends.
import { ConfigError } from "../errors.ts";
import type { Counted, ExchangeCounts } from "../gateway/exchange_counts.ts";
import { MCP_METHODS } from "../mcp/messages/methods.ts";
import { LOG_LEVELS, type Logger, type LogLevel } from "../observe/log.ts";
import type { MetricsPage } from "../observe/metrics.ts";
import { readTextFile } from "../platform/files/files.ts";
import { machineName, processId } from "../platform/process/this_process.ts";
import { chance, randomBytes } from "../platform/random.ts";
import { OwnedTimer, settlesWithin, type Timers } from "../platform/time/timers.ts";
import { BatchQueue } from "../telemetry/batch_queue.ts";
import { exportedLog } from "../telemetry/exported_log.ts";
import type { Attribute } from "../telemetry/mcp_conventions.ts";
import { type OperationDurations, readMetrics } from "../telemetry/metrics_reader.ts";
import { encodeLogs, encodeMetrics, encodeSpans, type LogEntry, type Sender } from "../telemetry/otlp_json.ts";
import { OtlpSender } from "../telemetry/otlp_sender.ts";
import { Sampler } from "../telemetry/sampler.ts";
import type { ExporterSettings, Signal, TelemetrySettings } from "../telemetry/settings.ts";
import type { EndedSpan } from "../telemetry/span.ts";
import { Tracer } from "../telemetry/tracer.ts";
import { buildInfo } from "./build_info.ts";

/** How long the last of it is waited for when Signet ends, ms. */
const FAREWELL_MS = 3000;

export interface TelemetryOptions {
  readonly settings: TelemetrySettings;
  readonly log: Logger;
  readonly timers: Timers;
}

/** What is counted that has no place on the page. */
export interface Measured {
  readonly page: MetricsPage;
  readonly received: ExchangeCounts;
  readonly sent: ExchangeCounts | undefined;
}

/** @throws ConfigError if a certificate cannot be read */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const senders = new Map<Signal, OtlpSender>();
  for (const signal of ["traces", "metrics", "logs"] as const) {
    const exporter = options.settings[signal];
    if (exporter !== undefined) senders.set(signal, await openSender(signal, exporter, options));
  }
  return new Telemetry(options, senders);
}

async function openSender(
  signal: Signal,
  exporter: ExporterSettings,
  { log, timers }: TelemetryOptions,
): Promise<OtlpSender> {
  const { url, headers, timeoutMs, gzip, certificateFile } = exporter;
  return new OtlpSender({
    ...{ url, headers, timeoutMs, gzip, timers },
    ...(certificateFile === undefined ? {} : { caCerts: [await readCertificate(certificateFile)] }),
    userAgent: `OTel-OTLP-Exporter-Signet/${buildInfo().version}`,
    random: chance,
    onChange: (fault) => {
      if (fault === undefined) log.info("telemetry is delivered again", { signal });
      else {
        log.warn("telemetry cannot be delivered: it is dropped", {
          signal,
          fault,
          remedy: "See whether the collector at OTEL_EXPORTER_OTLP_ENDPOINT takes OTLP over HTTP, with these headers.",
        });
      }
    },
  });
}

async function readCertificate(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (cause) {
    throw new ConfigError([{
      place: "OTEL_EXPORTER_OTLP_CERTIFICATE",
      problem: `reading it: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "Name a PEM file that Signet may read.",
    }]);
  }
}

export class Telemetry {
  /** The log whose lines are exported, too. */
  readonly log: Logger;
  /** Undefined where no traces are exported. */
  readonly tracer: Tracer | undefined;
  readonly #options: TelemetryOptions;
  readonly #senders: ReadonlyMap<Signal, OtlpSender>;
  readonly #spans: BatchQueue<EndedSpan> | undefined;
  readonly #logs: BatchQueue<LogEntry> | undefined;
  readonly #sender: Sender;
  readonly #startedAtMs: number;
  #exportedMetrics = 0;
  #droppedMetrics = 0;
  #measured: Measured | undefined;
  readonly #nextReading: OwnedTimer;
  #reading: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: TelemetryOptions, senders: ReadonlyMap<Signal, OtlpSender>) {
    const { settings: { traces, logs, resource }, log, timers } = options;
    this.#options = options;
    this.#senders = senders;
    this.#startedAtMs = timers.now();
    this.#nextReading = new OwnedTimer(timers);
    const { version } = buildInfo();
    this.#sender = { resource: resourceOf(resource), scope: { name: "signet", version } };
    this.#spans = traces &&
      new BatchQueue({
        ...traces,
        timers,
        send: (spans) => this.#send("traces", encodeSpans(this.#sender, spans.map((span) => span.toSpan()))),
      });
    this.#logs = logs &&
      new BatchQueue({ ...logs, timers, send: (lines) => this.#send("logs", encodeLogs(this.#sender, lines)) });
    this.tracer = traces && new Tracer({
      sampler: new Sampler(traces.sampler),
      take: (span) => this.#spans?.add(span),
      random: randomBytes,
      chance,
    });
    const { now } = timers;
    this.log = logs === undefined ? log : exportedLog({
      ...{ log, now },
      level: () => levelOf(log),
      take: (entry) => this.#logs?.add(entry),
    });
  }

  get exportsMetrics(): boolean {
    return this.#options.settings.metrics !== undefined;
  }

  /** From now on these are exported, and the page says how exporting goes. */
  measure(measured: Measured): void {
    this.#measured = measured;
    measured.page.labelled(
      "counter",
      {
        name: "signet_telemetry_items_total",
        help: "Spans, log lines and readings of all metrics, by whether a collector has them.",
        labels: ["signal", "outcome"],
      },
      () => [
        ...this.#spans === undefined ? [] : outcomes("traces", this.#spans),
        ...this.#logs === undefined ? [] : outcomes("logs", this.#logs),
        ...this.#options.settings.metrics === undefined
          ? []
          : outcomes("metrics", { sent: this.#exportedMetrics, dropped: this.#droppedMetrics }),
      ],
    );
    const { metrics } = this.#options.settings;
    if (metrics !== undefined) this.#readEvery(metrics.intervalMs);
  }

  /** Delivers what waits, if a collector takes it at once; settles in any case. Again: nothing. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#nextReading.close();
    const last = [this.#spans?.flush(), this.#logs?.flush(), this.#readMetrics()];
    await settlesWithin(Promise.allSettled(last), FAREWELL_MS, this.#options.timers);
    this.#spans?.close();
    this.#logs?.close();
    for (const sender of this.#senders.values()) sender.close();
  }

  /** @returns how many items were not taken */
  async #send(signal: Signal, json: string | Uint8Array<ArrayBuffer>): Promise<number> {
    return await this.#senders.get(signal)!.send(json);
  }

  #readEvery(ms: number): void {
    this.#nextReading.set(ms, () => {
      this.#readMetrics();
      this.#readEvery(ms);
    });
  }

  /** One at a time: a slow collector gets fewer. */
  async #readMetrics(): Promise<void> {
    if (this.#options.settings.metrics === undefined || this.#measured === undefined) return;
    this.#reading ??= this.#exportMetrics(this.#measured).finally(() => this.#reading = undefined);
    await this.#reading;
  }

  async #exportMetrics({ page, received, sent }: Measured): Promise<void> {
    const metrics = readMetrics({
      page,
      received: () => operationsOf(received),
      sent: () => sent === undefined ? [] : operationsOf(sent),
    });
    const period = { startMs: this.#startedAtMs, nowMs: this.#options.timers.now() };
    const lost = await this.#send("metrics", encodeMetrics(this.#sender, metrics, period));
    if (lost === 0) this.#exportedMetrics++;
    else this.#droppedMetrics++;
  }
}

function outcomes(signal: Signal, { sent, dropped }: { readonly sent: number; readonly dropped: number }) {
  return [[[signal, "exported"], sent] as const, [[signal, "dropped"], dropped] as const];
}

/** Of a log that can be adjusted, what it is set to. */
function levelOf(log: Logger): LogLevel {
  const level = (log as { readonly level?: unknown }).level;
  return LOG_LEVELS.find((known) => known === level) ?? "info";
}

/** What the operator says of this instance, and what it knows of itself where he does not. */
function resourceOf(given: readonly Attribute[]): Attribute[] {
  const { version, runtime } = buildInfo();
  const [runtimeName = "", runtimeVersion = ""] = runtime.split(" ");
  const host = machineName();
  const own: Attribute[] = [
    ["service.version", version],
    ["service.instance.id", randomUuid()],
    ...host === undefined ? [] : [["host.name", host] as const],
    ["process.pid", processId()],
    ["process.runtime.name", runtimeName],
    ["process.runtime.version", runtimeVersion],
    ["telemetry.sdk.name", "signet"],
    ["telemetry.sdk.language", "nodejs"],
    ["telemetry.sdk.version", version],
  ];
  const named = new Set(given.map(([key]) => key));
  return [...given, ...own.filter(([key]) => !named.has(key))];
}

/** RFC 9562 §5.4. */
function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const OF_MCP: ReadonlySet<string> = new Set(MCP_METHODS);

function operationsOf(counts: ExchangeCounts): OperationDurations[] {
  return counts.all().map(({ method, status, durations }: Counted) => ({
    method: OF_MCP.has(method) ? method : method === "other" ? "_OTHER" : undefined,
    errorType: /^[45]/.test(status) || status === "cut" ? status : undefined,
    durations,
  }));
}
