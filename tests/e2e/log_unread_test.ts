// What becomes of the log when nobody reads it, as the operating system has it: a pipe that is full, one that is closed
// (issue: request 413 hung everything, the probes too).
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FakeMcp } from "../support/fake_mcp.ts";
import { cleanEnvironment } from "../support/mcp_process.ts";
import { endOverdue } from "../support/overdue.ts";
import { INITIALIZE } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Each leaves a line of some 90 bytes: beyond what a pipe and the bound of waiting lines take together. */
const REQUESTS = 20_000;

interface Running extends AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly url: string;
  readonly admin: string;
}

/** Reads the log until Signet listens, and not a byte further. */
async function start(upstream: string): Promise<Running> {
  const { SIGNET_BIN } = Deno.env.toObject();
  const child = new Deno.Command(SIGNET_BIN ?? Deno.execPath(), {
    args: [
      ...(SIGNET_BIN === undefined ? ["run", "-A", `${ROOT}main.ts`] : []),
      ...["serve", "--upstream", upstream, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
      ...["--log-level", "debug", "--log-format", "json"],
    ],
    clearEnv: true,
    env: cleanEnvironment(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  endOverdue(child, "Signet whose log nobody reads", 300_000);
  const reader = child.stderr.getReader();
  const decoder = new TextDecoder();
  for (let text = "";;) {
    const { value, done } = await reader.read();
    assert.equal(done, false, `signet ended: ${text}`);
    text += decoder.decode(value, { stream: true });
    const line = text.split("\n").find((line) => line.includes('"event":"listening"') && line.endsWith("}"));
    if (line === undefined) continue;
    const { listen, admin } = JSON.parse(line) as { listen: string; admin: string };
    return {
      ...{ child, reader, url: listen, admin },
      /** Leaves nothing behind when a test fails. */
      async [Symbol.asyncDispose]() {
        try {
          child.kill("SIGKILL");
        } catch {
          // It has ended as it should.
        }
        await child.status;
        await reader.cancel();
      },
    };
  }
}

/** Sets the level of the log: each time leaves a line that no budget cuts, as all do that operators cause. */
async function flood({ admin }: Running, requests: number): Promise<void> {
  const body = JSON.stringify({ level: "debug" });
  const headers = { "content-type": "application/json" };
  for (let sent = 0; sent < requests; sent += 20) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const signal = AbortSignal.timeout(20_000);
      const response = await fetch(`${admin}/log-level`, { method: "PUT", headers, body, signal });
      await response.body?.cancel();
      assert.equal(response.status, 200);
    }));
  }
}

/** What a client asks, whose line is one more. */
async function statusOfInitialize({ url }: Running): Promise<number> {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const body = JSON.stringify(INITIALIZE);
  const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(20_000) });
  await response.body?.cancel();
  return response.status;
}

/** A read that brings nothing must not be waited for without end. */
async function within<T>(read: Promise<T>): Promise<T> {
  const overdue = Promise.withResolvers<never>();
  const timer = setTimeout(() => overdue.reject(new Error("reading the log: nothing came for 30 s")), 30_000);
  try {
    return await Promise.race([read, overdue.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function dropped({ admin }: Running): Promise<number> {
  const response = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(20_000) });
  return Number(/^signet_log_lines_dropped_total (\d+)$/m.exec(await response.text())?.[1]);
}

async function end({ child }: Running): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const { code } = await child.status;
  clearTimeout(timer);
  assert.equal(code, 0);
}

Deno.test("V1: a log that nobody reads holds up neither requests nor probes nor the end", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using running = await start(upstream.url);
  await flood(running, REQUESTS);
  assert.equal(await statusOfInitialize(running), 200);
  assert.equal(await (await fetch(`${running.admin}/healthz`)).text(), "ok\n");
  assert.equal(await dropped(running) > 0, true);
  await end(running);
  await running.reader.cancel();
});

Deno.test("V1: a log that is read again goes on, and tells how many of its lines are missing", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using running = await start(upstream.url);
  await flood(running, REQUESTS);
  const missing = await dropped(running);
  const decoder = new TextDecoder();
  let text = "";
  let told = 0;
  await until(async () => {
    const read = running.reader.read();
    text += decoder.decode((await within(read)).value, { stream: true });
    told = Number(/"dropped":(\d+)/.exec(text)?.[1] ?? 0);
    return told > 0;
  }, "the line that tells what is missing");
  assert.equal(told, missing);
  for (const line of text.slice(text.indexOf("\n") + 1, text.lastIndexOf("\n")).split("\n")) JSON.parse(line);
  const reading = (async () => {
    while (!(await running.reader.read()).done);
  })();
  await end(running);
  await reading;
});

Deno.test("V1: a log whose reader has gone ends nothing", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using running = await start(upstream.url);
  await running.reader.cancel();
  await flood(running, 100);
  await until(async () => await dropped(running) > 0, "lines to be counted");
  await end(running);
});
