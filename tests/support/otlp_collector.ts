// A collector as OTLP/HTTP wants one: an HTTP server that decodes what is sent to it (JSON, with or without gzip), keeps it,
// and can be made to refuse. Whoever waits for something says what.
import { gunzipSync } from "node:zlib";
import { until } from "./until.ts";

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly name: string;
  /** 2: server, 3: client. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
  readonly resource: Attributes;
}

export interface ReceivedLog {
  readonly body: string;
  readonly severity: number;
  readonly traceId: string | undefined;
  readonly attributes: Attributes;
}

// deno-lint-ignore no-explicit-any
type Json = any;

const ID = { trace: /^[0-9a-f]{32}$/, span: /^[0-9a-f]{16}$/ };

function attributesOf(list: Json): Attributes {
  return Object.fromEntries((list ?? []).map(({ key, value }: Json) => {
    const [[kind, held], ...more] = Object.entries(value) as [[string, Json], ...unknown[]];
    if (more.length > 0) throw new Error(`reading attribute ${key}: found two values`);
    if (kind === "intValue") {
      if (typeof held !== "string") throw new Error(`reading attribute ${key}: 64-bit integers are text in OTLP/JSON`);
      return [key, Number(held)];
    }
    if (!["stringValue", "boolValue", "doubleValue"].includes(kind)) throw new Error(`reading ${key}: found ${kind}`);
    return [key, held];
  }));
}

function spanOf(span: Json, resource: Attributes): ReceivedSpan {
  if (!ID.trace.test(span.traceId) || !ID.span.test(span.spanId)) throw new Error("reading a span: its ids are no hex");
  if (span.parentSpanId !== undefined && !ID.span.test(span.parentSpanId)) {
    throw new Error("reading a span: its parent");
  }
  const [startNs, endNs] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
  if (endNs < startNs) throw new Error(`reading span ${span.name}: it ends before it begins`);
  const { traceId, spanId, parentSpanId, traceState, name, kind } = span;
  return {
    ...{ traceId, spanId, parentSpanId, traceState, name, kind, startNs, endNs, resource },
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map((event: Json) => ({
      name: event.name,
      attributes: attributesOf(event.attributes),
    })),
    links: span.links ?? [],
    failed: span.status?.code === 2,
  };
}

export class OtlpCollector implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly logs: ReceivedLog[] = [];
  /** The last reading: name → metric. */
  readonly metrics = new Map<string, Json>();
  readonly requests: { readonly path: string; readonly headers: Headers }[] = [];
  /** What went wrong while reading: a test that ends with any fails. */
  readonly faults: unknown[] = [];
  /** Answers in its place. */
  onRequest: ((request: Request) => Response | undefined | Promise<Response | undefined>) | undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;

  /** @param tls in PEM; it is reached under `localhost` then */
  constructor(tls?: { readonly cert: string; readonly key: string }) {
    this.#scheme = tls === undefined ? "http://127.0.0.1" : "https://localhost";
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `${this.#scheme}:${this.#server.addr.port}`;
  }

  /** The variables that make Signet export to it, soon. */
  get variables(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_BSP_SCHEDULE_DELAY: "10",
      OTEL_BLRP_SCHEDULE_DELAY: "10",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    };
  }

  /** Spans, once there are as many as that. */
  async spansOf(count: number, what: string): Promise<ReceivedSpan[]> {
    await until(() => this.spans.length >= count, `${count} spans of ${what} at the collector`);
    return this.spans;
  }

  async #answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    this.requests.push({ path, headers: request.headers });
    const bytes = new Uint8Array(await request.arrayBuffer());
    const own = await this.onRequest?.(request);
    if (own !== undefined) return own;
    try {
      if (request.headers.get("content-type") !== "application/json") return new Response("", { status: 415 });
      const coded = request.headers.get("content-encoding") === "gzip";
      this.#take(path, JSON.parse(new TextDecoder().decode(coded ? gunzipSync(bytes) : bytes)));
      return Response.json({ partialSuccess: {} });
    } catch (fault) {
      this.faults.push(fault);
      return new Response(String(fault), { status: 400 });
    }
  }

  #take(path: string, body: Json): void {
    switch (path) {
      case "/v1/traces":
        for (const { resource, scopeSpans } of body.resourceSpans) {
          const of = attributesOf(resource.attributes);
          for (const { spans } of scopeSpans) this.spans.push(...spans.map((span: Json) => spanOf(span, of)));
        }
        return;
      case "/v1/metrics":
        for (const { scopeMetrics } of body.resourceMetrics) {
          for (const { metrics } of scopeMetrics) for (const metric of metrics) this.metrics.set(metric.name, metric);
        }
        return;
      case "/v1/logs":
        for (const { scopeLogs } of body.resourceLogs) {
          for (const { logRecords } of scopeLogs) {
            for (const { body, severityNumber, attributes, traceId } of logRecords) {
              this.logs.push({
                body: body.stringValue,
                severity: severityNumber,
                traceId,
                attributes: attributesOf(attributes),
              });
            }
          }
        }
        return;
      default:
        throw new Error(`found the path ${path}, want one of OTLP's`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    if (this.faults.length > 0) throw new AggregateError(this.faults, "the collector could not read what was sent");
  }
}
