// A replica that is killed lets go of nothing by itself: what it held under caps that all share comes back even so
// (docs/behaviour.md M5, R5; issue "Many replicas").
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { startSignet } from "../support/mcp_signet.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { INITIALIZE, status } from "../support/signet.ts";
import { until } from "../support/until.ts";

const HERE = await needing(["redis-server"], "that what a killed replica held comes back");

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  authorization: "Bearer alice",
};

function initialize(url: string): Promise<Response> {
  return fetch(url, { method: "POST", headers: HEADERS, body: JSON.stringify(INITIALIZE) });
}

Deno.test("M5 R5: the places of sessions that a replica had in use when it was killed come back", HERE, async () => {
  await using upstream = new FakeMcp();
  await using redis = await RedisServer.start();
  const args = [
    "--principal",
    "bearer",
    "--store",
    redis.url,
    "--max-sessions-per-principal",
    "2",
    "--yield-after",
    "1s",
  ];
  const env = { MCP_ENCRYPTION_KEY: new Uint8Array(32).fill(7).toBase64() };
  await using killed = await startSignet({ upstream: upstream.url, args, env });
  await using other = await startSignet({ upstream: upstream.url, args, env });
  const streams: Promise<unknown>[] = [];
  for (let i = 0; i < 2; i++) {
    const response = await initialize(killed.url);
    await response.body?.cancel();
    const id = response.headers.get("mcp-session-id") ?? "";
    const stream = await fetch(killed.url, { headers: { ...HEADERS, "mcp-session-id": id } });
    assert.equal(stream.status, 200);
    streams.push(stream.text().catch(() => {}));
  }
  const refused = await initialize(other.url);
  await refused.body?.cancel();
  assert.equal(refused.status, 429);
  await killed.kill();
  await Promise.all(streams);
  await until(async () => await status(initialize(other.url)) === 200, "a place of the killed one's");
  await until(async () => await status(initialize(other.url)) === 200, "the other place");
});
