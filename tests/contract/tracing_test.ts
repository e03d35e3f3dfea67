// G6, G7: a trace goes through Signet, by the names of OpenTelemetry's MCP conventions, in both lanes; what is not sampled
// crosses byte for byte; a collector that fails harms nobody.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { OtlpCollector, type ReceivedSpan } from "../support/otlp_collector.ts";
import { needing } from "../support/programs.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { Replicas } from "../support/replicas.ts";
import { FakeMember, startSeveral } from "../support/several.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";
import { makeCertificate } from "../unit/http1/tls_support.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736", PARENT = "00f067aa0ba902b7", OTHER = "1122334455667788";
const OF_MESSAGE = `00-${TRACE}-${PARENT}-01`;
const OF_REQUEST = `00-${TRACE}-${OTHER}-01`;
const UNSAMPLED = `00-${TRACE}-${PARENT}-00`;
const SERVER = 2, CLIENT = 3;

const JSON_TYPE = { "mcp-protocol-version": "2025-11-25" };
const withMeta = (meta: Record<string, unknown>, id = 7) => {
  const message = call(id, "echo", { x: 1 });
  return { ...message, params: { ...message.params, _meta: meta } };
};
const byKind = (spans: readonly ReceivedSpan[], kind: number) => spans.filter((span) => span.kind === kind);

for (const lane of LANES) {
  Deno.test(`G6: a state of a trace that stands in several lines goes on with it (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
    const id = await signet.open();
    using client = await RawClient.connect(signet.url);
    const fields = [`mcp-session-id: ${id}`, `traceparent: ${OF_REQUEST}`, "tracestate: a=1", "tracestate: b=2"];
    await client.send(rawPost(JSON.stringify(call(1, "echo")), fields));
    assert.equal((await client.whole()).status, 200);
    const { headers } = upstream.received("POST", "tools/call")[0]!;
    assert.match(headers.get("traceparent")!, new RegExp(`^00-${TRACE}-(?!${OTHER})`));
    assert.equal(headers.get("tracestate"), "a=1, b=2");
  });
}

for (const lane of LANES) {
  Deno.test(`G6: a call is a server span, and a client span that the server sees (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
    const id = await signet.open({ headers: { traceparent: UNSAMPLED } });
    const headers = { ...JSON_TYPE, traceparent: OF_REQUEST, tracestate: "of=request" };
    const sent = withMeta({ traceparent: OF_MESSAGE, tracestate: "of=message", progressToken: "p" });
    assert.equal(await status(signet.post(sent, { id, headers })), 200);
    const spans = await collector.spansOf(2, "a call");
    const [server] = byKind(spans, SERVER), [client] = byKind(spans, CLIENT);
    assert.ok(server && client);
    assert.equal(spans.length, 2, "what was not sampled has none");
    for (const { name, traceId, failed } of [server, client]) {
      assert.deepEqual([name, traceId, failed], ["tools/call echo", TRACE, false]);
    }
    assert.equal(server.parentSpanId, PARENT, "the message's context is the parent");
    assert.deepEqual(server.links, [{ traceId: TRACE, spanId: OTHER }], "the request's is a link");
    assert.equal(client.parentSpanId, server.spanId);
    assert.ok(server.startNs <= client.startNs && client.endNs <= server.endNs);
    const operation = {
      "mcp.method.name": "tools/call",
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "echo",
      "jsonrpc.request.id": "7",
      "mcp.protocol.version": "2025-11-25",
      "network.transport": "tcp",
      "network.protocol.name": "http",
      "network.protocol.version": "1.1",
    };
    const { hostname, port } = new URL(upstream.url);
    const session = server.attributes["mcp.session.id"];
    assert.match(String(session), /^[0-9a-f]{12}$/, "the hash that the log uses, never the id");
    assert.deepEqual(server.attributes, {
      ...operation,
      "mcp.session.id": session,
      "client.address": "127.0.0.1",
      "signet.lane": lane,
      "http.request.method": "POST",
      "http.response.status_code": 200,
    });
    assert.deepEqual(client.attributes, {
      ...operation,
      "mcp.session.id": session,
      "signet.upstream": "upstream",
      "server.address": hostname,
      "server.port": Number(port),
    });
    const { headers: seen, body } = upstream.requests.at(-1)!;
    const carried = `00-${TRACE}-${client.spanId}-01`;
    assert.equal(seen.get("traceparent"), carried);
    assert.equal(seen.get("tracestate"), "of=message", "that of the message's trace");
    assert.equal(body, JSON.stringify(sent).replace(OF_MESSAGE, carried), "not a byte besides");
    assert.equal(server.resource["service.name"], "signet");
  });

  Deno.test(`G6: what is not sampled crosses byte for byte (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    const otel = {
      ...collector.variables,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0",
    };
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel });
    const id = await signet.open();
    const contexts = [
      {
        headers: { traceparent: UNSAMPLED, tracestate: "a=b", baggage: "c=d" },
        meta: { traceparent: OF_MESSAGE.replace(/01$/, "00"), x: 1 },
      },
      { headers: { traceparent: "no context" }, meta: { traceparent: 7 } },
      { headers: {}, meta: { traceparent: "x".repeat(100_000) } },
      { headers: {}, meta: {} },
    ];
    for (const { headers, meta } of contexts) {
      const text = JSON.stringify(withMeta(meta), undefined, 1);
      const response = await signet.post(text, { id, headers: headers as Record<string, string> });
      assert.equal(response.status, 200, await response.text());
      const { headers: seen, body } = upstream.requests.at(-1)!;
      assert.equal(body, text);
      for (const name of ["traceparent", "tracestate", "baggage"]) {
        assert.equal(seen.get(name), (headers as Record<string, string>)[name] ?? null);
      }
    }
    await signet.app.drain();
    assert.deepEqual(collector.spans, []);
  });

  Deno.test(`G6: a trace begins here where none came, and the server is told (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
    const id = await signet.open();
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    const spans = await collector.spansOf(4, "initialize and a call");
    assert.deepEqual(spans.map(({ name }) => name).toSorted(), [
      ...["initialize", "initialize", "tools/call echo", "tools/call echo"],
    ]);
    const servers = byKind(spans, SERVER);
    assert.deepEqual(servers.map(({ parentSpanId }) => parentSpanId), [undefined, undefined]);
    assert.notEqual(servers[0]!.traceId, servers[1]!.traceId);
    for (const { headers, body } of upstream.requests) {
      const traceparent = headers.get("traceparent");
      assert.ok(byKind(spans, CLIENT).some(({ traceId, spanId }) => traceparent === `00-${traceId}-${spanId}-01`));
      assert.doesNotMatch(body, /traceparent/, "an HTTP server gets it as a field; its messages stay what they were");
    }
  });

  Deno.test(
    `G6 L4: a session that is brought back is told as events, with a span for each attempt (${lane} lane)`,
    STRICT,
    async () => {
      await using collector = new OtlpCollector();
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
      const id = await signet.open({ headers: { traceparent: UNSAMPLED } });
      upstream.sessions.clear();
      assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { traceparent: OF_REQUEST } })), 200);
      const spans = await collector.spansOf(3, "a call whose session was lost");
      const [server] = byKind(spans, SERVER);
      assert.deepEqual(server!.events.map(({ name }) => name), ["signet.session.lost", "signet.session.revived"]);
      assert.equal(server!.failed, false);
      const sent = byKind(spans, CLIENT).map(({ failed, attributes }) => [failed, attributes["error.type"]]);
      assert.deepEqual(sent, [[true, "session_lost"], [false, undefined]]);
      assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 3);
    },
  );

  Deno.test(`G6: errors have a type, by whoever they were made (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    upstream.tool("fails", () => ({ content: [], isError: true }));
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
    const id = await signet.open({ headers: { traceparent: UNSAMPLED } });
    const ask = { id, headers: { traceparent: OF_REQUEST } };
    const typeOf = async (kind: number) => {
      await until(() => byKind(collector.spans, SERVER).length > 0, "the span of a request that failed");
      const [span] = byKind(collector.spans, kind);
      const found = span && [span.failed, span.attributes["error.type"], span.attributes["rpc.response.status_code"]];
      return found;
    };
    await status(signet.post(call(1, "fails"), ask));
    assert.deepEqual(await typeOf(SERVER), [true, "tool_error", undefined]);
    assert.deepEqual(await typeOf(CLIENT), [true, "tool_error", undefined]);
    collector.spans.length = 0;
    upstream.onRequest = () => Response.json({ jsonrpc: "2.0", id: 2, error: { code: -32602, message: "no" } });
    await status(signet.post(call(2, "fails"), ask));
    assert.deepEqual(await typeOf(SERVER), [true, "-32602", "-32602"]);
    assert.deepEqual(await typeOf(CLIENT), [true, "-32602", "-32602"]);
    collector.spans.length = 0;
    await status(signet.post("no JSON", ask));
    assert.deepEqual(await typeOf(SERVER), [true, "-32700", "-32700"]);
    assert.equal(await typeOf(CLIENT), undefined, "nothing was sent");
    assert.equal(byKind(collector.spans, SERVER)[0]!.attributes["signet.refusal"], "parse_error");
    assert.equal(signet.logs.at(-1)?.trace, TRACE, "the log's line says which trace it is of");
    await until(() => collector.logs.some(({ traceId }) => traceId === TRACE), "the line, with its trace");
    collector.spans.length = 0;
    assert.equal(await status(signet.post(call(3, "x"), { ...ask, id: "nobody" })), 404);
    assert.equal((await typeOf(SERVER))?.[0], true);
  });
}

for (const lane of LANES) {
  Deno.test(`G6 A2: one of several servers gets the context in its message (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using git = new FakeMember();
    await using web = new FakeMember();
    await using signet = await startSeveral({ git, web }, { lane, otel: collector.variables });
    const id = await signet.open({ headers: { traceparent: UNSAMPLED } });
    const message = {
      ...call(1, "web_echo"),
      params: { name: "web_echo", arguments: {}, _meta: { traceparent: OF_MESSAGE } },
    };
    for (const sent of [message, call(2, "web_echo")]) {
      collector.spans.length = 0;
      assert.equal(await status(signet.post(sent, { id, headers: { traceparent: OF_REQUEST } })), 200);
      const spans = await collector.spansOf(2, "a call of one of several");
      const [client] = byKind(spans, CLIENT), [server] = byKind(spans, SERVER);
      assert.equal(server?.parentSpanId, sent === message ? PARENT : OTHER);
      assert.equal(server?.name, "tools/call web_echo");
      assert.equal(client?.attributes["signet.member"], "web");
      const { params } = web.asked("tools/call").at(-1) as { params: { _meta: { traceparent: string } } };
      assert.equal(params._meta.traceparent, `00-${TRACE}-${client?.spanId}-01`);
    }
    assert.equal(git.asked("tools/call").length, 0);
  });
}

for (const lane of LANES) {
  Deno.test(`G6 R1: a request that is passed on to another replica is one trace (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using replicas = await Replicas.start({ count: 2, lane, otel: collector.variables });
    const id = await replicas.at(0).signet.open({ headers: { traceparent: UNSAMPLED } });
    const sent = withMeta({ traceparent: OF_MESSAGE });
    const told: string[] = [];
    for (const { signet } of replicas.all) {
      signet.app.observers.add({ onExchange: ({ method, traceparent }) => void told.push(`${method} ${traceparent}`) });
    }
    assert.equal(await status(replicas.at(1).signet.post(sent, { id })), 200);
    const spans = await collector.spansOf(4, "a call through two replicas");
    const [outer] = byKind(spans, SERVER).filter(({ parentSpanId }) => parentSpanId === PARENT);
    const [hop] = byKind(spans, CLIENT).filter(({ parentSpanId }) => parentSpanId === outer?.spanId);
    const [inner] = byKind(spans, SERVER).filter(({ parentSpanId }) => parentSpanId === hop?.spanId);
    const [last] = byKind(spans, CLIENT).filter(({ parentSpanId }) => parentSpanId === inner?.spanId);
    assert.ok(outer && hop && inner && last, "each is below the one before");
    assert.equal(spans.length, 4);
    for (const { traceId } of spans) assert.equal(traceId, TRACE);
    assert.deepEqual(outer.events.map(({ name }) => name), ["signet.hop"]);
    assert.equal(hop.attributes["signet.upstream"], "replica");
    assert.equal(hop.attributes["server.port"], Number(new URL(replicas.at(0).address).port));
    const { headers, body } = replicas.at(0).upstream.requests.at(-1)!;
    const carried = `00-${TRACE}-${last.spanId}-01`;
    assert.equal(headers.get("traceparent"), carried);
    assert.equal(body, JSON.stringify(sent).replace(OF_MESSAGE, carried));
    assert.deepEqual(told, [`tools/call 00-${TRACE}-${outer.spanId}-01`], "observers are told once, where it came");
  });
}

for (const lane of LANES) {
  Deno.test(`G6 R1: a state of a trace is passed on without the blanks around it (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using replicas = await Replicas.start({ count: 2, lane, otel: collector.variables });
    const id = await replicas.at(0).signet.open();
    const states = { " a=1 ": "a=1", "  ": null };
    for (const [tracestate, wanted] of Object.entries(states)) {
      const sent = withMeta({ traceparent: OF_MESSAGE, tracestate });
      assert.equal(await status(replicas.at(1).signet.post(sent, { id })), 200);
      assert.equal(replicas.at(0).upstream.requests.at(-1)!.headers.get("tracestate"), wanted);
    }
    using client = await RawClient.connect(replicas.at(1).signet.url);
    const fields = [`mcp-session-id: ${id}`, `traceparent: ${OF_REQUEST}`, "tracestate: a=1", "tracestate:"];
    await client.send(rawPost(JSON.stringify(call(1, "echo")), fields));
    assert.equal((await client.whole()).status, 200);
  });

  Deno.test(`G6 P1: of an address that is cut no user info is told (${lane} lane)`, STRICT, async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, otel: collector.variables });
    const told: (string | undefined)[] = [];
    signet.app.observers.add({ onExchange: ({ uri, batch }) => void told.push(uri ?? batch?.[0]?.uri) });
    const id = await signet.open({ headers: { traceparent: UNSAMPLED } });
    const read = (uri: string) => ({ jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri } });
    for (const user of [`u:${"s3cret".repeat(300)}`, "s3cret".repeat(300)]) {
      collector.spans.length = told.length = 0;
      await status(signet.post(read(`git+https://${user}@h/p`), { id, headers: { traceparent: OF_REQUEST } }));
      const spans = await collector.spansOf(2, "a resource that is read");
      for (const { attributes } of spans) assert.equal(attributes["mcp.resource.uri"], "git+https://…");
      assert.deepEqual(told, ["git+https://…"]);
    }
    const long = `https://u@h/${"p".repeat(3000)}`;
    await status(signet.post(read(long), { id, headers: { traceparent: UNSAMPLED } }));
    assert.equal(told.at(-1), `${long.slice(0, 1024)}…`);
  });
}

Deno.test("G6 A2: a context is put beside no member of its name in another case", STRICT, async () => {
  await using collector = new OtlpCollector();
  await using git = new FakeMember();
  await using web = new FakeMember();
  await using signet = await startSeveral({ git, web }, { otel: collector.variables });
  const id = await signet.open();
  const message = {
    ...call(1, "web_echo"),
    params: { name: "web_echo", arguments: {}, _meta: { TraceParent: OF_MESSAGE } },
  };
  const response = await signet.post(message, { id });
  assert.equal(response.status, 200, await response.text());
  const { params } = web.asked("tools/call").at(-1) as { params: { _meta: unknown } };
  assert.deepEqual(params._meta, { TraceParent: OF_MESSAGE });
});

Deno.test(
  "G6: a batch, a response and a stream have spans under HTTP's name, and sizes within bounds",
  STRICT,
  async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, otel: collector.variables });
    const id = await signet.open({ headers: { traceparent: UNSAMPLED } });
    const ask = { id, headers: { traceparent: OF_REQUEST } };
    await status(signet.post({ jsonrpc: "2.0", id: 9, result: {} }, ask));
    await status(signet.delete(ask));
    const spans = await collector.spansOf(3, "a response and a DELETE");
    assert.deepEqual(byKind(spans, SERVER).map(({ name }) => name).toSorted(), ["DELETE", "POST"]);
  },
);

Deno.test(
  "G6: metrics and log lines are exported, by the conventions' names and those of the page",
  STRICT,
  async () => {
    await using collector = new OtlpCollector();
    await using upstream = new FakeMcp();
    const otel = {
      ...collector.variables,
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret,x-tenant=a",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,service.name=ignored",
      OTEL_SERVICE_NAME: "gate",
    };
    await using signet = await TestSignet.start({ upstream: upstream.url, otel });
    const id = await signet.open();
    await status(signet.post(call(1, "echo"), { id }));
    await status(signet.post(call(2, "echo"), { id: "nobody" }));
    const sumOf = (name: string, wanted: Record<string, string>) => {
      const { histogram, sum, gauge } = collector.metrics.get(name) ?? {};
      const point = (histogram ?? sum ?? gauge)?.dataPoints.find((
        { attributes }: { attributes: { key: string; value: { stringValue: string } }[] },
      ) =>
        Object.entries(wanted).every(([key, value]) =>
          attributes.some((each) => each.key === key && each.value.stringValue === value)
        )
      );
      return point === undefined ? undefined : Number(point.count ?? point.asDouble);
    };
    const calls = { "mcp.method.name": "tools/call" };
    await until(() => sumOf("mcp.client.operation.duration", calls) === 1, "the reading of a call");
    assert.equal(sumOf("mcp.server.operation.duration", { ...calls, "error.type": "404" }), 1);
    assert.equal(sumOf("signet_responses_total", { method: "tools/call", status: "404" }), 1);
    const { histogram, unit } = collector.metrics.get("mcp.server.operation.duration");
    assert.equal(unit, "s");
    assert.deepEqual(histogram.dataPoints[0].explicitBounds, [
      .01,
      .02,
      .05,
      .1,
      .2,
      .5,
      1,
      2,
      5,
      10,
      30,
      60,
      120,
      300,
    ]);
    assert.equal(histogram.dataPoints[0].bucketCounts.length, 15);
    assert.equal(collector.metrics.get("signet_responses_total").sum.isMonotonic, true);
    assert.ok("gauge" in collector.metrics.get("signet_sessions"));
    await until(() => collector.logs.some(({ body }) => body === "request refused"), "the line of the refusal");
    const line = collector.logs.find(({ body }) => body === "request refused")!;
    assert.equal(line.attributes["signet.code"], "session_not_found");
    assert.equal(line.severity, 9);
    const [span] = await collector.spansOf(1, "anything");
    assert.equal(span!.resource["service.name"], "gate");
    assert.equal(span!.resource["deployment.environment.name"], "test");
    for (const { headers } of collector.requests) {
      assert.equal(headers.get("authorization"), "Bearer s3cret");
      assert.equal(headers.get("x-tenant"), "a");
      assert.equal(headers.get("content-encoding"), "gzip");
    }
    assert.doesNotMatch(JSON.stringify([collector.logs, collector.spans.map(String), signet.logs]), /s3cret/);
  },
);

Deno.test(
  "G6: a collector that refuses, hangs or is not there harms no request, and what it misses is counted",
  STRICT,
  async () => {
    const gone = new OtlpCollector();
    const { variables } = gone;
    await gone[Symbol.asyncDispose]();
    await using refusing = new OtlpCollector();
    refusing.onRequest = () => new Response("", { status: 401 });
    await using hanging = new OtlpCollector();
    const release = Promise.withResolvers<undefined>();
    hanging.onRequest = () => release.promise;
    for (const otel of [variables, refusing.variables, { ...hanging.variables, OTEL_EXPORTER_OTLP_TIMEOUT: "50" }]) {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        otel: {
          ...otel,
          OTEL_EXPORTER_OTLP_TIMEOUT: "100",
          OTEL_BSP_MAX_QUEUE_SIZE: "8",
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "4",
        },
      });
      const id = await signet.open();
      for (let i = 1; i <= 30; i++) assert.equal(await status(signet.post(call(i, "echo"), { id })), 200);
      const dropped = () => signet.metric('signet_telemetry_items_total{signal="traces",outcome="dropped"}');
      await until(async () => await dropped() > 0, "spans that were dropped");
      assert.equal(await signet.metric('signet_telemetry_items_total{signal="traces",outcome="exported"}'), 0);
      const told = () =>
        signet.logs.filter(({ event, signal }) => String(event).startsWith("telemetry cannot") && signal === "traces");
      await until(() => told().length > 0, "the line of the fault");
      assert.equal(told().length, 1, "told once, not for each batch");
    }
    release.resolve(undefined);
  },
);

Deno.test("G6: 503 is sent again as late as Retry-After wants, 400 is not", STRICT, async () => {
  await using collector = new OtlpCollector();
  const answers = [
    new Response("", { status: 503, headers: { "retry-after": "0" } }),
    new Response("", { status: 429 }),
  ];
  collector.onRequest = (request) => new URL(request.url).pathname === "/v1/traces" ? answers.shift() : undefined;
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, otel: collector.variables });
  await signet.open();
  await collector.spansOf(2, "an initialize that was refused twice");
  assert.equal(collector.requests.filter(({ path }) => path === "/v1/traces").length, 3);
  assert.equal(await signet.metric('signet_telemetry_items_total{signal="traces",outcome="dropped"}'), 0);
});

Deno.test("G6: what a collector has taken in part only is counted, told once, and not sent again", STRICT, async () => {
  await using collector = new OtlpCollector();
  const rejecting: Record<string, object> = {
    "/v1/traces": { rejectedSpans: "1", errorMessage: "no room" },
    "/v1/logs": { rejectedLogRecords: 100_000 },
    "/v1/metrics": { rejectedDataPoints: "3" },
  };
  collector.onRequest = ({ url }) => Response.json({ partialSuccess: rejecting[new URL(url).pathname] });
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, otel: collector.variables });
  const counted = (signal: string, outcome: string) =>
    signet.metric(`signet_telemetry_items_total{signal="${signal}",outcome="${outcome}"}`);
  await signet.open();
  const batches = () => collector.requests.filter(({ path }) => path === "/v1/traces").length;
  await until(
    async () => batches() > 0 && await counted("traces", "dropped") === batches(),
    () => `one span of each of ${batches()} batches was counted as dropped`,
  );
  await until(async () => await counted("logs", "dropped") > 0, "lines that were counted as dropped");
  assert.equal(await counted("logs", "exported"), 0, "no more can be rejected than was sent");
  const told = signet.logs.filter(({ event, signal }) =>
    String(event).startsWith("telemetry cannot") && signal === "traces"
  );
  assert.deepEqual(told.map(({ fault }) => fault), ["1 rejected: no room"]);

  // A warning without anything rejected is a success.
  await using warning = new OtlpCollector();
  warning.onRequest = () => Response.json({ partialSuccess: { errorMessage: "use gzip" } });
  await using warned = await TestSignet.start({ upstream: upstream.url, otel: warning.variables });
  await warned.open();
  const name = 'signet_telemetry_items_total{signal="traces",outcome="exported"}';
  await until(async () => await warned.metric(name) > 0, "spans that were exported");
});

Deno.test("G6: what a stateless request says crosses, with its trace in its message", STRICT, async () => {
  await using collector = new OtlpCollector();
  await using upstream = new FakeMcp();
  upstream.onRequest = ({ body }) => {
    const { id, method } = JSON.parse(body);
    if (method === "server/discover") return undefined;
    return Response.json({ jsonrpc: "2.0", id, result: { resultType: "complete", content: [] } });
  };
  await using signet = await TestSignet.start({ upstream: upstream.url, otel: collector.variables });
  const message = withMeta({
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
    traceparent: OF_MESSAGE,
  });
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "echo" };
  const response = await signet.post(message, { headers });
  assert.equal(response.status, 200, await response.text());
  const spans = await collector.spansOf(2, "a stateless call");
  const [client] = byKind(spans, CLIENT), [server] = byKind(spans, SERVER);
  assert.equal(server!.parentSpanId, PARENT);
  assert.ok(!("mcp.session.id" in server!.attributes), "there is no session to name");
  assert.ok(upstream.requests.at(-1)!.body.includes(`"traceparent":"00-${TRACE}-${client!.spanId}-01"`));
});

Deno.test("G7: without an endpoint nothing is exported, and nothing is made of a request", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open();
  const text = JSON.stringify(withMeta({ traceparent: OF_MESSAGE }));
  assert.equal(await status(signet.post(text, { id, headers: { traceparent: OF_REQUEST } })), 200);
  const { headers, body } = upstream.requests.at(-1)!;
  assert.equal(body, text);
  assert.equal(headers.get("traceparent"), OF_REQUEST);
  assert.doesNotMatch(await signet.metrics(), /signet_telemetry/);
});

Deno.test(
  "G6: a collector over TLS is believed by the certificate that is named, and by no other",
  await needing(["openssl"], "that a collector's certificate is checked"),
  async () => {
    await using certificate = await makeCertificate("localhost");
    const { cert, key, certFile } = certificate;
    await using collector = new OtlpCollector({ cert, key });
    await using upstream = new FakeMcp();
    for (const trusted of [undefined, certFile]) {
      const otel = {
        ...collector.variables,
        OTEL_EXPORTER_OTLP_TIMEOUT: "2000",
        ...(trusted === undefined ? {} : { OTEL_EXPORTER_OTLP_CERTIFICATE: trusted }),
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, otel });
      await signet.open();
      const outcome = trusted === undefined ? "dropped" : "exported";
      const name = `signet_telemetry_items_total{signal="traces",outcome="${outcome}"}`;
      await until(async () => await signet.metric(name) > 0, `spans that were ${outcome}`);
    }
    assert.ok(collector.spans.length > 0);
  },
);
