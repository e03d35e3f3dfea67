// `OTEL_…` variables as OpenTelemetry's specification names them ("Environment Variable Specification", "OTLP Exporter
// Configuration"). Nothing is exported unless an endpoint or an exporter is named. What Signet cannot do is refused where
// data would go astray or be lost, and warned of where it merely changes nothing. No value is repeated in a problem: the
// headers' are secrets, and what is mistyped may be one of them.
import type { ConfigProblem } from "../errors.ts";
import type { Attribute } from "../telemetry/mcp_conventions.ts";
import { SAMPLERS } from "../telemetry/sampler.ts";
import {
  type BatchSettings,
  type ExporterSettings,
  type Signal,
  SIGNALS,
  type TelemetrySettings,
} from "../telemetry/settings.ts";
import { closest } from "./closest.ts";
import type { Environment } from "./environment.ts";

export interface TelemetryReading {
  /** Undefined: nothing is exported. */
  readonly telemetry: TelemetrySettings | undefined;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}

/** As the specification has it, for OTLP over HTTP. */
const DEFAULT_ENDPOINT = "http://localhost:4318";
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_METRIC_INTERVAL_MS = 60_000;
const BATCH: Readonly<Record<"BSP" | "BLRP", BatchSettings>> = {
  BSP: { delayMs: 5000, maxQueue: 2048, maxBatch: 512 },
  BLRP: { delayMs: 1000, maxQueue: 2048, maxBatch: 512 },
};
const MAX_QUEUE = 65_536;
const MAX_MS = 24 * 3600 * 1000;

const OTLP = "OTEL_EXPORTER_OTLP_";
const OF_A_SIGNAL = ["ENDPOINT", "HEADERS", "TIMEOUT", "COMPRESSION", "CERTIFICATE", "PROTOCOL"];

/** Every name that is heeded. Asked for where there is a name to judge, which few environments have. */
const heededNames = (): readonly string[] => [
  ...["OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_PROPAGATORS"],
  ...["OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_METRIC_EXPORT_INTERVAL"],
  ...SIGNALS.map((signal) => `OTEL_${signal.toUpperCase()}_EXPORTER`),
  ...["BSP", "BLRP"].flatMap((kind) =>
    ["SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"].map((what) =>
      `OTEL_${kind}_${what}`
    )
  ),
  ...OF_A_SIGNAL.flatMap((what) =>
    ["", ...SIGNALS.map((signal) => `${signal.toUpperCase()}_`)].map((of) => OTLP + of + what)
  ),
  `${OTLP}METRICS_TEMPORALITY_PREFERENCE`,
];

export function readTelemetry(env: Environment): TelemetryReading {
  return new Reader(env).read();
}

class Reader {
  readonly #env: Environment;
  readonly #problems: ConfigProblem[] = [];
  readonly #warnings: string[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  read(): TelemetryReading {
    const disabled = this.#boolean("OTEL_SDK_DISABLED");
    const on = disabled ? [] : SIGNALS.filter((signal) => this.#isExported(signal));
    if (on.length === 0) return { telemetry: undefined, problems: this.#problems, warnings: this.#warnings };
    const has = (signal: Signal) => on.includes(signal) ? this.#exporter(signal) : undefined;
    const [traces, metrics, logs] = [has("traces"), has("metrics"), has("logs")];
    const telemetry: TelemetrySettings = {
      traces: traces &&
        { ...traces, ...this.#batch("BSP"), timeoutMs: this.#batchTimeout("BSP", traces), sampler: this.#sampler() },
      metrics: metrics && { ...metrics, intervalMs: this.#interval() },
      logs: logs && { ...logs, ...this.#batch("BLRP"), timeoutMs: this.#batchTimeout("BLRP", logs) },
      resource: this.#resource(),
    };
    this.#judgeTheRest();
    return { telemetry, problems: this.#problems, warnings: this.#warnings };
  }

  #text(name: string): string | undefined {
    const text = this.#env[name]?.trim();
    return text === "" ? undefined : text;
  }

  /** Once, though all three signals may have it from the variable of all. */
  #refuse(place: string, problem: string, remedy: string): void {
    if (this.#problems.some((told) => told.place === place && told.problem === problem)) return;
    this.#problems.push({ place, problem, remedy });
  }

  #boolean(name: string): boolean {
    const text = this.#text(name)?.toLowerCase();
    if (text !== undefined && text !== "true" && text !== "false") {
      this.#refuse(name, "it is neither true nor false", "Write true or false.");
    }
    return text === "true";
  }

  /** The endpoint of all, or its own; or an exporter that is named. */
  #isExported(signal: Signal): boolean {
    const place = `OTEL_${signal.toUpperCase()}_EXPORTER`;
    const exporter = this.#text(place);
    if (exporter === "none") return false;
    if (exporter !== undefined && exporter !== "otlp") {
      this.#refuse(place, "there is no such exporter here", "Write otlp or none.");
      return false;
    }
    const endpoints = [`${OTLP}ENDPOINT`, `${OTLP}${signal.toUpperCase()}_ENDPOINT`];
    return exporter === "otlp" || endpoints.some((name) => this.#text(name) !== undefined);
  }

  /** The variable of the signal, or that of all. */
  #of(signal: Signal, what: string): { readonly place: string; readonly text: string | undefined } {
    const own = `${OTLP}${signal.toUpperCase()}_${what}`;
    const place = this.#text(own) === undefined ? OTLP + what : own;
    return { place, text: this.#text(place) };
  }

  #exporter(signal: Signal): ExporterSettings {
    const protocol = this.#of(signal, "PROTOCOL");
    if (protocol.text === "grpc") {
      this.#refuse(
        protocol.place,
        "Signet does not speak gRPC",
        "Write http/json, and the collector's port for HTTP (4318).",
      );
    } else if (protocol.text === "http/protobuf") {
      this.#warn(`${protocol.place}: Signet sends http/json, which collectors take at the same address`);
    } else if (protocol.text !== undefined && protocol.text !== "http/json") {
      this.#refuse(protocol.place, "there is no such protocol", "Write http/json.");
    }
    const compression = this.#of(signal, "COMPRESSION");
    if (compression.text !== undefined && compression.text !== "gzip" && compression.text !== "none") {
      this.#refuse(compression.place, "there is no such compression", "Write gzip or none.");
    }
    const timeout = this.#of(signal, "TIMEOUT");
    const url = this.#url(signal);
    const headers = this.#headers(signal, url);
    return {
      url,
      headers,
      timeoutMs: this.#number(timeout.place, DEFAULT_TIMEOUT_MS, { least: 1, most: MAX_MS }),
      gzip: compression.text === "gzip",
      certificateFile: this.#of(signal, "CERTIFICATE").text,
    };
  }

  #url(signal: Signal): string {
    const { place, text = DEFAULT_ENDPOINT } = this.#of(signal, "ENDPOINT");
    const url = URL.parse(text);
    if (url === null || (url.protocol !== "http:" && url.protocol !== "https:") || url.hash !== "") {
      this.#refuse(place, "it is no http or https URL", "Write such as http://localhost:4318.");
      return DEFAULT_ENDPOINT;
    }
    if (url.username !== "" || url.password !== "") {
      this.#refuse(place, "there are credentials in the URL", `Put them into ${OTLP}HEADERS.`);
      return DEFAULT_ENDPOINT;
    }
    if (url.port === "4317") {
      this.#warn(`${place}: 4317 is the port for gRPC as a rule; Signet speaks HTTP, which listens at 4318`);
    }
    // The endpoint of all is a base, that of a signal whole ("Endpoint URLs for OTLP/HTTP").
    if (place === `${OTLP}ENDPOINT`) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal}`;
    return url.href;
  }

  #headers(signal: Signal, url: string): ReadonlyMap<string, string> {
    const { place, text } = this.#of(signal, "HEADERS");
    const headers = new Map<string, string>();
    for (const pair of text?.split(",") ?? []) {
      if (pair.trim() === "") continue;
      const at = pair.indexOf("=");
      const name = at < 0 ? "" : pair.slice(0, at).trim().toLowerCase();
      const value = decoded(pair.slice(at + 1).trim());
      if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || value === undefined || !/^[\x20-\x7e]*$/.test(value)) {
        this.#refuse(
          place,
          "it is no list of headers",
          "Write name=value, separated by commas, with values percent-encoded.",
        );
        return headers;
      }
      if (FRAMING.has(name)) {
        this.#refuse(place, `${name} is Signet's own to write`, "Leave it out.");
      } else headers.set(name, value);
    }
    const { protocol, hostname } = new URL(url);
    if (headers.size > 0 && protocol === "http:" && !/^(localhost|127\..*|\[::1\])$/.test(hostname)) {
      this.#warn(`${place}: the headers go over http, in clear: write https where they hold a credential`);
    }
    return headers;
  }

  #sampler(): { readonly name: string; readonly ratio: number } {
    const [place, argument] = ["OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"];
    const name = this.#text(place) ?? "parentbased_always_on";
    if (!(SAMPLERS as readonly string[]).includes(name)) {
      this.#refuse(place, "there is no such sampler here", `Write one of ${SAMPLERS.join(", ")}.`);
    }
    const ratio = Number(this.#text(argument) ?? "1");
    if (!name.endsWith("traceidratio")) {
      if (this.#text(argument) !== undefined) this.#warn(`${argument}: ${place} takes none`);
    } else if (!(ratio >= 0 && ratio <= 1)) {
      this.#refuse(argument, "it is no ratio", "Write a number from 0 to 1, such as 0.01.");
    }
    return { name, ratio };
  }

  #batch(kind: "BSP" | "BLRP"): BatchSettings {
    const { delayMs, maxQueue, maxBatch } = BATCH[kind];
    const queue = this.#number(`OTEL_${kind}_MAX_QUEUE_SIZE`, maxQueue, { least: 1, most: MAX_QUEUE });
    const place = `OTEL_${kind}_MAX_EXPORT_BATCH_SIZE`;
    const batch = this.#number(place, Math.min(maxBatch, queue), { least: 1, most: MAX_QUEUE });
    if (batch > queue) {
      this.#refuse(place, "it is more than may wait", `Lower it, or raise OTEL_${kind}_MAX_QUEUE_SIZE.`);
    }
    return {
      delayMs: this.#number(`OTEL_${kind}_SCHEDULE_DELAY`, delayMs, { least: 1, most: MAX_MS }),
      maxQueue: queue,
      maxBatch: batch,
    };
  }

  /** The shorter of the two that bound an export. */
  #batchTimeout(kind: "BSP" | "BLRP", { timeoutMs }: ExporterSettings): number {
    return Math.min(timeoutMs, this.#number(`OTEL_${kind}_EXPORT_TIMEOUT`, 30_000, { least: 1, most: MAX_MS }));
  }

  #interval(): number {
    const preference = `${OTLP}METRICS_TEMPORALITY_PREFERENCE`;
    const temporality = this.#text(preference)?.toLowerCase();
    if (temporality !== undefined && temporality !== "cumulative") {
      this.#warn(`${preference}: Signet counts cumulatively; the collector can make deltas of that`);
    }
    return this.#number("OTEL_METRIC_EXPORT_INTERVAL", DEFAULT_METRIC_INTERVAL_MS, { least: 100, most: MAX_MS });
  }

  #number(place: string, fallback: number, { least, most }: { readonly least: number; readonly most: number }): number {
    const text = this.#text(place);
    if (text === undefined) return fallback;
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    this.#refuse(place, "it is out of range, or no number", `Write a whole number from ${least} to ${most}.`);
    return fallback;
  }

  #resource(): Attribute[] {
    const place = "OTEL_RESOURCE_ATTRIBUTES";
    const attributes = new Map<string, string>();
    for (const pair of this.#text(place)?.split(",") ?? []) {
      const at = pair.indexOf("=");
      const value = decoded(pair.slice(at + 1).trim());
      if (at <= 0 || value === undefined) {
        this.#refuse(
          place,
          "it is no list of attributes",
          "Write key=value, separated by commas, with values percent-encoded.",
        );
        break;
      }
      attributes.set(pair.slice(0, at).trim(), value);
    }
    const name = this.#text("OTEL_SERVICE_NAME") ?? attributes.get("service.name") ?? "signet";
    attributes.delete("service.name");
    return [["service.name", name], ...attributes];
  }

  #judgeTheRest(): void {
    const propagators = this.#text("OTEL_PROPAGATORS")?.split(",").map((name) => name.trim()) ?? [];
    const unknown = propagators.filter((name) => name !== "tracecontext" && name !== "baggage");
    if (unknown.length > 0) {
      this.#warn(
        "OTEL_PROPAGATORS: Signet carries tracecontext and baggage; whatever else a request holds passes unread",
      );
    }
    for (const name of Object.keys(this.#env)) {
      if (!name.startsWith("OTEL_") || this.#text(name) === undefined || heededNames().includes(name)) continue;
      const near = closest(name, heededNames());
      this.#warn(`${name}: Signet does not heed it${near === undefined ? "" : `; did you mean ${near}?`}`);
    }
  }

  #warn(text: string): void {
    if (!this.#warnings.includes(text)) this.#warnings.push(text);
  }
}

/** Fields that frame or route the export. */
const FRAMING: ReadonlySet<string> = new Set([
  ...["host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "upgrade", "te"],
  ...["trailer", "expect", "keep-alive", "proxy-connection"],
]);

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
