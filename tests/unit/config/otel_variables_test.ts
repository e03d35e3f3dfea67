import assert from "node:assert/strict";
import { readTelemetry } from "../../../lib/config/otel_variables.ts";
import { STRICT } from "../../support/strict.ts";

const AT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
const read = (env: Record<string, string>) => readTelemetry({ ...AT, ...env });
const places = (env: Record<string, string>) => read(env).problems.map(({ place }) => place);

Deno.test("without an endpoint or an exporter nothing is exported, nor where it is switched off", STRICT, () => {
  const none = { telemetry: undefined, problems: [], warnings: [] };
  assert.deepEqual(readTelemetry({}), none);
  assert.deepEqual(readTelemetry({ OTEL_SERVICE_NAME: "x", PATH: "/bin" }), none);
  assert.deepEqual(read({ OTEL_SDK_DISABLED: "true" }), none);
  assert.deepEqual(
    read({ OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" }),
    none,
  );
});

Deno.test("defaults are the specification's", STRICT, () => {
  const { telemetry, problems, warnings } = read({});
  assert.deepEqual([problems, warnings], [[], []]);
  assert.deepEqual(telemetry?.traces, {
    url: "http://127.0.0.1:4318/v1/traces",
    headers: new Map(),
    timeoutMs: 10_000,
    gzip: false,
    certificateFile: undefined,
    delayMs: 5000,
    maxQueue: 2048,
    maxBatch: 512,
    sampler: { name: "parentbased_always_on", ratio: 1 },
  });
  assert.equal(telemetry?.metrics?.url, "http://127.0.0.1:4318/v1/metrics");
  assert.equal(telemetry?.metrics?.intervalMs, 60_000);
  assert.deepEqual([telemetry?.logs?.url, telemetry?.logs?.delayMs], ["http://127.0.0.1:4318/v1/logs", 1000]);
  assert.deepEqual(telemetry?.resource, [["service.name", "signet"]]);
  assert.equal(
    readTelemetry({ OTEL_TRACES_EXPORTER: "otlp" }).telemetry?.traces?.url,
    "http://localhost:4318/v1/traces",
  );
});

Deno.test("a signal's own variable wins over that of all; its endpoint is whole, the other a base", STRICT, () => {
  const { telemetry } = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://otlp.example.com/base/",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:9/logs",
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Basic%20abc, x-a=b=c",
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: "x-only=1",
    OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    OTEL_BSP_EXPORT_TIMEOUT: "300",
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
    OTEL_METRICS_EXPORTER: "none",
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=a,k=v%2Cw",
    OTEL_SERVICE_NAME: "b",
  });
  assert.equal(telemetry?.traces?.url, "https://otlp.example.com/base/v1/traces");
  assert.deepEqual([...telemetry?.traces?.headers ?? []], [["authorization", "Basic abc"], ["x-a", "b=c"]]);
  assert.deepEqual([telemetry?.traces?.timeoutMs, telemetry?.logs?.timeoutMs], [300, 500]);
  assert.deepEqual([telemetry?.traces?.gzip, telemetry?.logs?.gzip], [true, false]);
  assert.deepEqual(telemetry?.traces?.sampler, { name: "traceidratio", ratio: 0.25 });
  assert.equal(telemetry?.logs?.url, "http://127.0.0.1:9/logs");
  assert.deepEqual([...telemetry?.logs?.headers ?? []], [["x-only", "1"]]);
  assert.equal(telemetry?.metrics, undefined);
  assert.deepEqual(telemetry?.resource, [["service.name", "b"], ["k", "v,w"]]);
});

const REFUSED: readonly Record<string, string>[] = [
  { OTEL_EXPORTER_OTLP_ENDPOINT: "s3cret" },
  { OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://s3cret" },
  { OTEL_EXPORTER_OTLP_ENDPOINT: "http://user:s3cret@host" },
  { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "s3cret" },
  { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
  { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "s3cret" },
  { OTEL_EXPORTER_OTLP_HEADERS: "s3cret" },
  { OTEL_EXPORTER_OTLP_HEADERS: "a=s3cret%zz" },
  { OTEL_EXPORTER_OTLP_HEADERS: "a=s3cret%0d%0ab: c" },
  { OTEL_EXPORTER_OTLP_HEADERS: "content-length=s3cret" },
  { OTEL_EXPORTER_OTLP_COMPRESSION: "s3cret" },
  { OTEL_EXPORTER_OTLP_TIMEOUT: "s3cret" },
  { OTEL_TRACES_EXPORTER: "s3cret" },
  { OTEL_TRACES_SAMPLER: "jaeger_remote" },
  { OTEL_BSP_MAX_QUEUE_SIZE: "0" },
  { OTEL_BSP_MAX_QUEUE_SIZE: "10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "11" },
  { OTEL_METRIC_EXPORT_INTERVAL: "1e3" },
  { OTEL_RESOURCE_ATTRIBUTES: "s3cret" },
  { OTEL_SDK_DISABLED: "s3cret" },
];
for (const env of REFUSED) {
  const names = Object.keys(env);
  Deno.test(
    `${names.at(-1)} is refused where it cannot be meant, and not repeated (${
      Object.values(env).at(-1)?.slice(0, 12)
    })`,
    STRICT,
    () => {
      assert.ok(places(env).includes(names.at(-1)!), JSON.stringify(places(env)));
      assert.equal(new Set(places(env)).size, places(env).length, "each once, of whichever signals it is");
      const { problems, warnings } = read(env);
      assert.doesNotMatch(JSON.stringify([problems, warnings]), /s3cret/);
      for (const { problem, remedy } of problems) {
        assert.match(problem, /^[a-z][^.]*$|^Signet/);
        assert.match(remedy, /^[A-Z].*\.$/);
      }
    },
  );
}

Deno.test("a ratio is asked for where the sampler has one, and warned of where it has none", STRICT, () => {
  for (const ratio of ["1.5", "-1", "half", "NaN"]) {
    assert.deepEqual(places({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: ratio }), [
      "OTEL_TRACES_SAMPLER_ARG",
    ]);
  }
  assert.deepEqual(places({ OTEL_TRACES_SAMPLER: "parentbased_traceidratio" }), []);
  assert.match(
    read({ OTEL_TRACES_SAMPLER_ARG: "0.1" }).warnings.join(),
    /OTEL_TRACES_SAMPLER_ARG: OTEL_TRACES_SAMPLER takes none/,
  );
});

Deno.test("what changes nothing is warned of: other protocols, ports, names", STRICT, () => {
  const warned = (env: Record<string, string>) => read(env).warnings.join("\n");
  assert.match(warned({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }), /http\/json/);
  assert.match(warned({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317" }), /4318/);
  assert.match(warned({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta" }), /cumulatively/);
  assert.match(warned({ OTEL_PROPAGATORS: "b3,tracecontext" }), /tracecontext and baggage/);
  assert.match(
    warned({ OTEL_TRACE_SAMPLER: "always_on" }),
    /OTEL_TRACE_SAMPLER: Signet does not heed it; did you mean OTEL_TRACES_SAMPLER/,
  );
  assert.match(
    warned({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://otlp.example.com", OTEL_EXPORTER_OTLP_HEADERS: "a=b" }),
    /in clear/,
  );
  assert.equal(warned({ OTEL_EXPORTER_OTLP_HEADERS: "a=b", OTEL_PROPAGATORS: "tracecontext,baggage" }), "");
});
