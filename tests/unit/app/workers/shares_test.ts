import assert from "node:assert/strict";
import { shareOf } from "../../../../lib/app/workers/shares.ts";
import { DIVIDED } from "../../../../lib/config/divided.ts";
import { parseFlags } from "../../../../lib/config/flags.ts";
import { loadSettings } from "../../../../lib/config/load.ts";
import { SETTING_KEYS } from "../../../../lib/config/schema.ts";
import { STRICT } from "../../../support/strict.ts";

async function settingsOf(...argv: string[]) {
  const absent = () => Promise.reject(new Deno.errors.NotFound());
  const flags = parseFlags(["--upstream", "http://127.0.0.1:1/mcp", ...argv], {
    command: "signet serve",
    accepts: new Set(SETTING_KEYS),
  });
  return (await loadSettings({ flags, env: {}, readTextFile: absent, fileMode: absent })).settings;
}

Deno.test("M1: together workers have no more than one process would have", STRICT, async () => {
  const settings = await settingsOf("--max-sessions", "10", "--max-body", "4MiB", "--max-buffered", "8MiB");
  const share = shareOf(settings, { number: 2, count: 4 });
  assert.equal(share.maxSessions, 3);
  for (const count of [2, 3, 4, 7, 10]) {
    const shares = Array.from({ length: count }, (_, at) => shareOf(settings, { number: at + 1, count }));
    for (const key of DIVIDED) {
      if (key === "maxBufferedBytes") continue; // see below
      assert.equal(shares.reduce((sum, each) => sum + each[key], 0), settings[key], `${key} of ${count}`);
      const parts = shares.map((each) => each[key]);
      assert.ok(Math.max(...parts) - Math.min(...parts) <= 1 && Math.min(...parts) >= 1, `${key}: ${parts}`);
    }
  }
  assert.throws(() => shareOf(settings, { number: 1, count: 11 }), /--max-sessions: found 10 for 11 workers/);
  assert.equal(share.maxConnections, settings.maxConnections / 4);
  assert.equal(share.maxBufferedBytes, settings.maxBodyBytes, "one body finds room");
  assert.equal(share.maxSessionsPerPrincipal, settings.maxSessionsPerPrincipal, "counted for all of them at once");
  assert.deepEqual([share.admin, share.workers], ["off", 4]);
});

Deno.test("G2: each worker's audit log is a file of its own", STRICT, async () => {
  for (
    const [path, wanted] of [
      ["audit.jsonl", "audit.worker-2.jsonl"],
      ["/var/log/signet.d/audit", "/var/log/signet.d/audit.worker-2"],
      ["logs/.hidden", "logs/.hidden.worker-2"],
    ] as const
  ) {
    const share = shareOf(await settingsOf("--audit", path), { number: 2, count: 2 });
    assert.deepEqual(share.audit, { kind: "file", path: wanted });
  }
  const target = "syslog:udp://127.0.0.1:514";
  const settings = await settingsOf("--audit", target);
  assert.deepEqual(shareOf(settings, { number: 1, count: 2 }).audit, settings.audit);
});
