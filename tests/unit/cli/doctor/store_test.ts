import assert from "node:assert/strict";
import { examineReplicas } from "../../../../lib/cli/doctor/store.ts";
import type { Finding } from "../../../../lib/cli/doctor/finding.ts";
import { parseFlags } from "../../../../lib/config/flags.ts";
import { loadSettings } from "../../../../lib/config/load.ts";
import { SETTING_KEYS } from "../../../../lib/config/schema.ts";
import { needing } from "../../../support/programs.ts";
import { RedisServer } from "../../../support/redis_server.ts";
import { STRICT } from "../../../support/strict.ts";
import { freshRing } from "../../../support/signet.ts";

const HERE = await needing(["redis-server"], "that a probe finds the store");
const OPTIONS = { ...HERE, ...STRICT };

async function look(...argv: string[]): Promise<Finding[]> {
  const flags = parseFlags(["--upstream", "http://127.0.0.1:1/mcp", ...argv], {
    command: "signet check",
    accepts: new Set(SETTING_KEYS),
  });
  const readTextFile = (path: string) => Deno.readTextFile(path);
  const fileMode = () => Promise.resolve(0o600);
  const { settings } = await loadSettings({ flags, env: {}, readTextFile, fileMode });
  const found: Finding[] = [];
  const context = { readTextFile, now: Date.now };
  for await (const finding of examineReplicas({ context, settings, ring: freshRing() })) found.push(finding);
  return found;
}

Deno.test("V2: a probe says whether the store answers, and whether it keeps what is left there", OPTIONS, async () => {
  assert.deepEqual(await look(), [], "without replicas nobody is asked");
  await using redis = await RedisServer.start();
  // A machine that is busy is no store that is silent; one that refuses is told of at once.
  const asked = ["--store", redis.url, "--store-timeout", "30s"];
  assert.deepEqual(await look(...asked), [{ verdict: "ok", what: "store", found: `${redis.url} answers` }]);
  await redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  const [warned] = await look(...asked);
  assert.equal(warned?.verdict, "warn");
  assert.match(`${warned?.found} ${warned?.cure}`, /allkeys-lru.*noeviction/);
  await redis.kill();
  const [failed] = await look(...asked);
  assert.equal(failed?.verdict, "fail");
  assert.match(failed?.found ?? "", /ECONNREFUSED/);
});

Deno.test("V2: a probe says whom the name of the peers stands for", OPTIONS, async () => {
  const replica = ["--advertise", "http://10.0.0.1:8080"];
  const loopback = ["--advertise", "http://127.0.0.1:8080"];
  assert.deepEqual((await look(...loopback, "--peers", "dns:localhost")).map(({ verdict }) => verdict), ["ok"]);
  const [other] = await look(...replica, "--peers", "dns:localhost");
  assert.equal(other?.verdict, "warn");
  assert.match(other?.found ?? "", /localhost is .*127\.0\.0\.1.*, and not 10\.0\.0\.1, which --advertise names/);
  const [nobody] = await look(...replica, "--peers", "dns:nobody.invalid");
  assert.equal(nobody?.verdict, "warn");
});
