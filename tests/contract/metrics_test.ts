// What an operator can count (docs/metrics.md), as the program itself says it.
import assert from "node:assert/strict";
import { VERSION } from "../../lib/platform/version.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient } from "../support/raw_client.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

Deno.test("V1: a refusal is counted by its status and code, also where the HTTP engine refuses", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  assert.equal(await status(signet.post(call(1, "echo"))), 400);
  assert.equal(await status(signet.post(call(1, "echo"), { id: "nobody" })), 404);
  assert.equal(await signet.metric('signet_refusals_total{status="400",code="session_required"}'), 1);
  assert.equal(await signet.metric('signet_refusals_total{status="404",code="session_not_found"}'), 1);
  using client = await RawClient.connect(signet.url);
  await client.send("GET /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  assert.equal((await client.answer()).status, 400);
  assert.equal(await signet.metric('signet_refusals_total{status="400",code="malformed_http"}'), 1);
});

Deno.test("metrics say what runs, what may be in use, and how the last reload went", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--max-sessions", "77"] });
  assert.match(
    await signet.metrics(),
    new RegExp(`^signet_build_info\\{version="${VERSION}",.*,target="\\w.*"\\} 1$`, "m"),
  );
  assert.equal(await signet.metric('signet_limit{limit="sessions"}'), 77);
  assert.equal(await signet.metric("signet_last_reload_successful"), 1);
  const { flags } = signet;
  signet.flags = [...flags, "--max-session", "1"];
  await assert.rejects(signet.app.reload());
  assert.equal(await signet.metric("signet_last_reload_successful"), 0);
  assert.equal(await signet.metric('signet_reloads_total{outcome="failed"}'), 1);
  signet.flags = flags.map((word) => word === "77" ? "78" : word);
  await signet.app.reload();
  assert.equal(await signet.metric("signet_last_reload_successful"), 1);
  assert.equal(await signet.metric('signet_limit{limit="sessions"}'), 78);
});

for (const lane of LANES) {
  Deno.test(`requests are counted by method and status, whoever refuses them (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    assert.equal(await status(signet.post({ jsonrpc: "2.0", id: 2, method: "no/such" }, { id })), 200);
    upstream.onRequest = ({ body }) => body.includes('"fails"') ? new Response("", { status: 500 }) : undefined;
    assert.equal(await status(signet.post(call(3, "fails"), { id })), 500);
    assert.equal(await status(signet.post({ jsonrpc: "2.0", id: 4, result: {} }, { id })), 202);
    assert.equal(await status(signet.post(call(5, "echo"), { id: "nobody" })), 404);
    assert.equal(await status(signet.post("no JSON", { id })), 400);
    assert.equal(await status(signet.delete({ id })), 204);
    const page = await signet.metrics();
    const counted = page.match(/^signet_responses_total.*$/gm)!.map((line) =>
      /method="(.*)",status="(.*)"} (\d+)$/.exec(line)!.slice(1).join(" ")
    );
    assert.deepEqual(counted.toSorted(), [
      ...["DELETE 204 1", "initialize 200 1", "other 200 1", "response 202 1", "tools/call 200 1", "tools/call 404 1"],
      ...["tools/call 500 1", "unread 400 1"],
    ]);
    assert.equal(await signet.metric('signet_request_duration_seconds_count{method="tools/call"}'), 3);
  });
}

Deno.test("no method of a client's own makes a row: a thousand of them are one", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open();
  for (let i = 0; i < 100; i++) await status(signet.post({ jsonrpc: "2.0", method: `made/up${i}` }, { id }));
  const rows = (await signet.metrics()).match(/^signet_responses_total/gm)!;
  assert.equal(rows.length, 2);
});
