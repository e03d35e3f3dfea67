// What spans and metrics are called, compared with what is published: open-telemetry/semantic-conventions-genai,
// docs/gen-ai/mcp.md at 0393513c (semantic-conventions v1.41) and docs/registry/attributes/mcp.md at 4172e394.
import assert from "node:assert/strict";
import { METHODS } from "../../../lib/mcp/messages/methods.ts";
import { ExchangeRecord } from "../../../lib/observe/exchange_record.ts";
import { Histogram, MetricsPage } from "../../../lib/observe/metrics.ts";
import { readMetrics } from "../../../lib/telemetry/metrics_reader.ts";
import { RequestTrace } from "../../../lib/telemetry/request_trace.ts";
import { type Span, SPAN_KIND } from "../../../lib/telemetry/span.ts";
import { STRICT } from "../../support/strict.ts";

type Level = "required" | "conditional" | "recommended" | "opt-in";

/** Of both spans; `client.*` of the server span alone, `server.*` of the client span alone. */
const OF_SPANS: Readonly<Record<string, Level>> = {
  "mcp.method.name": "required",
  "error.type": "conditional",
  "gen_ai.prompt.name": "conditional",
  "gen_ai.tool.name": "conditional",
  "jsonrpc.request.id": "conditional",
  "mcp.resource.uri": "conditional",
  "rpc.response.status_code": "conditional",
  "gen_ai.operation.name": "recommended",
  "jsonrpc.protocol.version": "recommended",
  "mcp.protocol.version": "recommended",
  "mcp.session.id": "recommended",
  "network.protocol.name": "recommended",
  "network.protocol.version": "recommended",
  "network.transport": "recommended",
  "gen_ai.tool.call.arguments": "opt-in",
  "gen_ai.tool.call.result": "opt-in",
};
const OF_SERVER = { ...OF_SPANS, "client.address": "recommended", "client.port": "recommended" };
const OF_CLIENT = { ...OF_SPANS, "server.address": "recommended", "server.port": "recommended" };
/** Of HTTP's own conventions (stable). */
const OF_HTTP = ["http.request.method", "http.response.status_code"];

const OF_METRICS = new Set([
  ...["mcp.method.name", "error.type", "gen_ai.prompt.name", "gen_ai.tool.name", "rpc.response.status_code"],
  ...["gen_ai.operation.name", "jsonrpc.protocol.version", "mcp.protocol.version", "network.protocol.name"],
  ...["network.protocol.version", "network.transport", "mcp.resource.uri", "server.address", "server.port"],
]);
const METRICS: Readonly<Record<string, string>> = {
  "mcp.client.operation.duration": "s",
  "mcp.server.operation.duration": "s",
  "mcp.client.session.duration": "s",
  "mcp.server.session.duration": "s",
};
const BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** Well-known values of `mcp.method.name`: where one applies, it MUST be used. */
const WELL_KNOWN = [
  ...["completion/complete", "elicitation/create", "initialize", "logging/setLevel", "notifications/cancelled"],
  ...["notifications/initialized", "notifications/message", "notifications/progress", "server/discover"],
  ...["notifications/prompts/list_changed", "notifications/resources/list_changed", "notifications/resources/updated"],
  ...["notifications/roots/list_changed", "notifications/tools/list_changed", "ping", "prompts/get", "prompts/list"],
  ...["notifications/subscriptions/acknowledged", "subscriptions/listen"],
  ...["resources/list", "resources/read", "resources/subscribe", "resources/templates/list", "resources/unsubscribe"],
  ...["roots/list", "sampling/createMessage", "tools/call", "tools/list"],
];

function recordOf(facts: Partial<ExchangeRecord>): ExchangeRecord {
  const record = Object.assign(new ExchangeRecord(1000, "192.0.2.1"), {
    httpMethod: "POST",
    status: 200,
    lane: "fast",
  });
  return Object.assign(record, facts);
}

function spansOf(facts: Partial<ExchangeRecord>): { readonly server: Span; readonly client: Span } {
  let ids = 0;
  const place = {
    traceId: "a".repeat(32),
    parent: undefined,
    link: undefined,
    traceState: "",
    startMs: 1000,
    startedAt: 0,
  };
  const trace = new RequestTrace(place, () => String(++ids).padStart(16, "0"));
  trace.send({ name: "u", attributes: [["signet.upstream", "u"], ["server.address", "h"], ["server.port", 1]] });
  const spans = trace.end(recordOf(facts), { minorVersion: 1, protocolVersion: "2025-11-25" })
    .map((span) => span.toSpan());
  return {
    server: spans.find(({ kind }) => kind === SPAN_KIND.server)!,
    client: spans.find(({ kind }) => kind === SPAN_KIND.client)!,
  };
}

const CASES: readonly Partial<ExchangeRecord>[] = [
  { method: "tools/call", name: "search", rpcId: 3, session: "abc", outcomeKnown: true, isError: false },
  { method: "tools/call", name: "search", rpcId: "x", outcomeKnown: true, isError: true },
  { method: "prompts/get", name: "greet", rpcId: 3 },
  { method: "resources/read", uri: "file:///a", rpcId: 3, rpcCode: -32002, outcomeKnown: true },
  { method: "resources/subscribe", uri: "file:///a", rpcId: 3n },
  { method: "notifications/progress", rpcId: null },
  {
    method: "ping",
    rpcId: 3,
    status: 502,
    refusal: "upstream_unreachable",
    rpcCode: -32000,
    outcomeKnown: true,
    errorId: "e",
  },
  { method: "tools/call", name: "x", rpcId: 1, status: 0, cutBy: "client", member: "git" },
];

for (const [at, facts] of CASES.entries()) {
  Deno.test(`spans have published attributes, and all that are required (${facts.method}, ${at})`, STRICT, () => {
    const { server, client } = spansOf(facts);
    for (const [span, published] of [[server, OF_SERVER], [client, OF_CLIENT]] as const) {
      const keys = span.attributes.map(([key]) => key);
      assert.equal(new Set(keys).size, keys.length, "none twice");
      const unknown = keys.filter((key) => !(key in published) && !OF_HTTP.includes(key) && !key.startsWith("signet."));
      assert.deepEqual(unknown, []);
      const has = new Map(span.attributes);
      assert.equal(has.get("mcp.method.name"), facts.method);
      assert.equal(span.failed, has.has("error.type"), "ERROR exactly where there is a type of error");
      assert.equal(has.get("jsonrpc.request.id"), facts.rpcId === null ? undefined : String(facts.rpcId));
      assert.equal(has.get("gen_ai.operation.name"), facts.method === "tools/call" ? "execute_tool" : undefined);
      assert.equal(has.get("gen_ai.tool.name"), facts.method === "tools/call" ? facts.name : undefined);
      assert.equal(has.get("gen_ai.prompt.name"), facts.method === "prompts/get" ? facts.name : undefined);
      assert.equal(has.get("mcp.resource.uri"), facts.uri);
      for (const [key, level] of Object.entries(published)) if (level === "opt-in") assert.ok(!has.has(key), key);
      const target = facts.method === "tools/call" || facts.method === "prompts/get" ? ` ${facts.name}` : "";
      assert.equal(span.name, `${facts.method}${target}`);
    }
  });
}

Deno.test("error.type is the code of the JSON-RPC error, tool_error, or the status of HTTP", STRICT, () => {
  const typeOf = (facts: Partial<ExchangeRecord>) => new Map(spansOf(facts).server.attributes).get("error.type");
  const rows: readonly (readonly [Partial<ExchangeRecord>, string | undefined])[] = [
    [{ rpcCode: -32602 }, "-32602"],
    [{ isError: true }, "tool_error"],
    [{ isError: false }, undefined],
    [{ status: 404 }, "404"],
    [{ status: 202 }, undefined],
    [{ status: 0, cutBy: "client" }, "client"],
    [{ status: 0 }, "_OTHER"],
  ];
  for (const [facts, wanted] of rows) assert.equal(typeOf({ method: "tools/call", ...facts }), wanted);
});

Deno.test("no credential in an address is told, and no id of any length", STRICT, () => {
  const of = (facts: Partial<ExchangeRecord>) =>
    new Map(spansOf({ method: "resources/read", ...facts }).server.attributes);
  assert.equal(
    of({ uri: "postgres://user:s3cret@db:5432/a?b=c" }).get("mcp.resource.uri"),
    "postgres://db:5432/a?b=REDACTED",
  );
  for (const of_ of ["user:s3@cret@", "a@b:s3cret@"]) {
    assert.equal(of({ uri: `git+https://${of_}h/p` }).get("mcp.resource.uri"), "git+https://h/p");
  }
  assert.equal(of({ uri: "jdbc:x://user:s3cret@h/p" }).get("mcp.resource.uri"), "jdbc:x://h/p");
  const signed = "https://bucket/a%20b?X-Amz-Signature=s3cret&v=2&bare#t0ken";
  assert.equal(
    of({ uri: signed }).get("mcp.resource.uri"),
    "https://bucket/a%20b?X-Amz-Signature=REDACTED&v=REDACTED&REDACTED",
  );
  assert.equal(of({ uri: "file:///home/a@b/c" }).get("mcp.resource.uri"), "file:///home/a@b/c");
  assert.equal(of({ rpcId: "x".repeat(4000) }).get("jsonrpc.request.id"), "x".repeat(256));
});

Deno.test("every well-known method is counted under its own name", STRICT, () => {
  assert.deepEqual(WELL_KNOWN.filter((name) => !METHODS.includes(name)), []);
});

Deno.test("durations are the published metrics, in seconds, with the bounds that are advised", STRICT, () => {
  const durations = new Histogram([0.001, ...BOUNDS]);
  for (const value of [0.0005, 0.004, 0.01, 0.3, 1e6]) durations.observe(value);
  const operations = () => [
    { method: "tools/call", errorType: "500", durations },
    { method: undefined, errorType: undefined, durations },
  ];
  const metrics = readMetrics({ page: new MetricsPage(), received: operations, sent: operations });
  assert.deepEqual(metrics.map(({ name }) => name).toSorted(), [
    ...["mcp.client.operation.duration", "mcp.server.operation.duration"],
  ]);
  for (const { name, unit, kind, points } of metrics) {
    assert.equal(unit, METRICS[name]);
    assert.equal(kind, "histogram");
    assert.equal(points.length, 1, "what is no JSON-RPC has no place");
    for (const { attributes, value } of points) {
      for (const [key] of attributes) assert.ok(OF_METRICS.has(key), key);
      assert.ok(typeof value !== "number");
      assert.deepEqual(value.bounds, BOUNDS);
      assert.deepEqual(value.counts, [3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
  }
});

Deno.test("M6: what a client writes into a head is no longer in a span than a revision's name", STRICT, () => {
  const trace = new RequestTrace(
    { ...{ traceId: "a".repeat(32), parent: undefined, link: undefined, traceState: "" }, startMs: 1000, startedAt: 0 },
    () => "1".repeat(16),
  );
  trace.send({ name: "u", attributes: [] });
  const spans = trace.end(recordOf({ method: "ping", httpMethod: "X".repeat(9000) }), {
    minorVersion: 1,
    protocolVersion: "v".repeat(16_000),
  }).map((span) => span.toSpan());
  for (const { name, attributes } of spans) {
    assert.ok(JSON.stringify([name, attributes]).length < 2000, "a span of a small message");
  }
});

Deno.test("M6: spans that wait are told of the exchange as it ended, and keep nothing else of it", STRICT, () => {
  const trace = new RequestTrace(
    { ...{ traceId: "a".repeat(32), parent: undefined, link: undefined, traceState: "" }, startMs: 1000, startedAt: 0 },
    () => "1".repeat(16),
  );
  trace.send({ name: "u", attributes: [] });
  const record = recordOf({ method: "tools/call", name: "search", rpcId: 3, rpcCode: -32000, session: "abc" });
  const ended = trace.end(record, { minorVersion: 1, protocolVersion: "2025-11-25" });
  const before = ended.map((span) => span.toSpan());
  // Who is told of an answer that comes late writes it down, and a batch may be of thousands of texts.
  let asked = 0;
  for (const member of Object.keys(record)) {
    Object.defineProperty(record, member, { get: () => void asked++ });
  }
  Object.defineProperty(record, "rpcCode", { get: () => void asked++ });
  assert.deepEqual(ended.map((span) => span.toSpan()), before);
  assert.equal(asked, 0, "the record is not looked at again");
});
