import assert from "node:assert/strict";
import type { Finding } from "../../../../lib/cli/doctor/finding.ts";
import { examineReplicas } from "../../../../lib/cli/doctor/store.ts";
import { parseFlags } from "../../../../lib/config/flags.ts";
import { loadSettings } from "../../../../lib/config/load.ts";
import { SETTING_KEYS } from "../../../../lib/config/schema.ts";
import { freePort } from "../../../../scripts/free_port.ts";
import { needing } from "../../../support/programs.ts";
import { RedisServer } from "../../../support/redis_server.ts";
import { freshRing } from "../../../support/signet.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

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

/** All that Signet uses by its scripts. */
const COMMANDS = [
  ...["eval", "evalsha", "time", "publish", "del", "exists", "get", "set", "incr", "pexpire", "pttl"],
  ...["hdel", "hexists", "hget", "hmget", "hscan", "hset", "xadd", "xlen", "xrange", "xrevrange"],
  ...[
    "zadd",
    "zcard",
    "zcount",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrem",
    "zremrangebyrank",
    "zremrangebyscore",
  ],
  ...["zscan", "zscore"],
];
/** What a user of the store lacks, and what a probe says of it. */
const LACKS: readonly (readonly [rights: readonly string[], found: RegExp, cure: RegExp])[] = [
  ...COMMANDS.map((command) =>
    [
      [`-${command}`],
      new RegExp(`'${command}' command|user executing the script can't run`),
      /its keys, its channels and scripts/,
    ] as const
  ),
  [["-ping"], /'ping' command/, /scripts/],
  [["-type"], /'type' command/, /scripts/],
  [["-client"], /'client\|setname' command/, /scripts/],
  [["-subscribe"], /lets nobody listen/, /&\*signet:\*/],
  [["resetchannels"], /channel/, /channels/],
  [["resetkeys", "~other:*"], /key/, /its keys/],
];

Deno.test("V2: a probe finds nothing wrong with the user that the guide makes, who may no more", OPTIONS, async () => {
  const guide = await Deno.readTextFile(new URL("../../../../docs/guides/replicas.md", import.meta.url));
  const words = /^ACL SETUSER signet ([^`]*)/m.exec(guide)![1]!.replaceAll("\\\n", " ").trim().split(/\s+/);
  const rights = [...COMMANDS, "ping", "type", "subscribe", "client|setname"].map((command) => `+${command}`);
  assert.deepEqual(words.filter((word) => word.startsWith("+")).sort(), rights.sort());
  // Or a script has learned a command that no user of this guide may use.
  const folderOfScripts = new URL("../../../../lib/store/redis/", import.meta.url);
  for await (const { name } of Deno.readDir(folderOfScripts)) {
    const text = await Deno.readTextFile(new URL(name, folderOfScripts));
    for (const [, command] of text.matchAll(/redis\.p?call\('([A-Z]+)'/g)) {
      assert.ok(COMMANDS.includes(command!.toLowerCase()), `${command} of ${name}`);
    }
  }
  await using redis = await RedisServer.start();
  await using folder = await TempFolder.create();
  await Deno.writeTextFile(`${folder.path}/password`, "PASSWORD", { mode: 0o600 });
  assert.match(await redis.ask("ACL", "SETUSER", "signet", ...words), /OK/);
  const url = redis.url.replace("redis://", "redis://signet@");
  const [finding] = await look(
    ...["--store", url, "--store-password-file", `${folder.path}/password`, "--store-timeout", "10s"],
  );
  assert.equal(finding?.verdict, "ok", finding?.found);
  assert.match(finding.found, /answers, and does not tell what it does when it is full/);
});

for (const [rights, found, cure] of LACKS) {
  Deno.test(`V2: a probe finds that the store's user lacks what ${rights.join(" ")} takes`, OPTIONS, async () => {
    await using redis = await RedisServer.start();
    await using folder = await TempFolder.create();
    const passwordFile = `${folder.path}/password`;
    await Deno.writeTextFile(passwordFile, "pw", { mode: 0o600 });
    await redis.ask("ACL", "SETUSER", "u", "on", ">pw", "~*", "&*", "+@all", ...rights);
    const url = redis.url.replace("redis://", "redis://u@");
    const [failed] = await look("--store", url, "--store-password-file", passwordFile, "--store-timeout", "10s");
    assert.equal(failed?.verdict, "fail");
    assert.match(failed?.found ?? "", found);
    assert.match(failed?.cure ?? "", cure);
  });
}

Deno.test("V2: a probe finds that the store is a replica, and leaves nothing that stays", OPTIONS, async () => {
  await using redis = await RedisServer.start();
  const asked = ["--store", redis.url, "--store-timeout", "30s"];
  assert.equal((await look(...asked))[0]?.verdict, "ok");
  const keys = (await redis.ask("KEYS", "*")).split("\r\n").filter((line) => /^[{a-z]/.test(line));
  for (const key of keys) {
    assert.match(key, /^\{?signet:doctor:/);
    const left = Number((await redis.ask("TTL", key)).slice(1));
    assert.ok(left >= 0 && left < 3600, `${key} lives for ${left} s`);
  }
  await redis.ask("REPLICAOF", "127.0.0.1", String(freePort()));
  const [failed] = await look(...asked);
  assert.equal(failed?.verdict, "fail");
  assert.match(`${failed?.found} ${failed?.cure}`, /READONLY .* name its master in --store/);
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
