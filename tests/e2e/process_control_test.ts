// Reload, log level and end over the admin listener of a real Signet, and its end with the program that started it (P7).
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { Signet } from "../support/mcp_signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = `${ROOT}main.ts`;

async function command(...args: string[]): Promise<{ code: number; said: string }> {
  await using run = new ChildRun({ args: ["run", "-A", MAIN, ...args] });
  const { code } = await run.ended();
  return { code, said: run.lines.join("\n") };
}

Deno.test(
  "P7: signet reload and signet stop steer a running Signet, and its log level changes live",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await Signet.start({ upstream: upstream.url });
    const admin = ["--admin", signet.adminUrl];
    assert.deepEqual(await command("reload", ...admin), { code: 0, said: "reloaded" });
    const set = await fetch(`${signet.adminUrl}/log-level`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ level: "debug" }),
    });
    assert.deepEqual(await set.json(), { level: "debug" });
    assert.deepEqual(await command("log-level", ...admin), { code: 0, said: "debug" });
    assert.deepEqual(await command("log-level", "warn", ...admin), { code: 0, said: "warn" });
    assert.equal((await command("log-level", "loud", ...admin)).code, 2);
    const foreign = await fetch(`${signet.adminUrl}/stop`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: "http://localhost" },
      body: "{}",
    });
    assert.equal(foreign.status, 403);
    await foreign.body?.cancel();
    assert.deepEqual(await command("stop", ...admin), { code: 0, said: "stopped" });
    assert.equal((await command("stop", ...admin)).code, 3);
  },
);

Deno.test("P7: a Signet started by a task ends when the task's launcher is killed", {
  ...STRICT,
  ignore: Deno.build.os !== "linux" || Deno.env.has("SIGNET_BIN"),
}, async () => {
  await using upstream = new FakeMcp();
  const folder = await Deno.makeTempDir();
  try {
    const tasks = {
      start:
        `${Deno.execPath()} run -A ${MAIN} serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 --upstream ${upstream.url}`,
    };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ tasks }));
    await using task = new ChildRun({ args: ["task", "start"], cwd: folder });
    const { admin, pid } = await task.waitForLine((line) => {
      if (!line.includes('"listening"')) return undefined;
      return JSON.parse(line) as { admin: string; pid: number };
    }, "signet to listen");
    task.signal("SIGKILL");
    await until(async () => {
      try {
        await (await fetch(`${admin}/healthz`)).body?.cancel();
        return false;
      } catch {
        return true;
      }
    }, `signet ${pid} to end with its task`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
