// The audit log as operators have it: killed and started anew, rotated by a signal, verified by the command, on standard
// output and at a syslog collector.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { AuditFolder, type AuditLine } from "../support/audit.ts";
import { AuditMix, MIX_FLAGS } from "../support/audit_mix.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { call, INITIALIZE } from "../support/signet.ts";
import { signetCli } from "../support/signet_cli.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };

async function post({ url }: Signet, message: unknown, id?: string): Promise<Response> {
  const headers = { ...HEADERS, ...(id === undefined ? {} : { "mcp-session-id": id }) };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(message) });
  await response.text();
  return response;
}

async function open(signet: Signet): Promise<string> {
  return (await post(signet, INITIALIZE)).headers.get("mcp-session-id")!;
}

const isCall = ({ event }: AuditLine) => event === "tool.call";

Deno.test(
  "G1 G2: an audit log outlives SIGKILL, SIGHUP and a restart, and signet audit verify says so",
  STRICT,
  async () => {
    await using audit = await AuditFolder.make();
    await using upstream = new FakeMcp();
    const env = { MCP_ENCRYPTION_KEY: newKey() };
    const flags = ["--unsafe-anonymous", "--log-format", "json", "--audit", audit.path];
    await using signet = await startSignet({ upstream: upstream.url, args: flags, env });
    const id = await open(signet);
    for (let n = 0; n < 50; n++) await post(signet, call(n, "echo"), id);
    await audit.exchanges(51);
    await signet.kill("SIGKILL");
    const verify = (...files: string[]) => signetCli(["audit", "verify", ...files, "--json"], { env });
    const killed = await verify(audit.path);
    assert.equal(killed.code, 0, killed.out + killed.err);
    assert.deepEqual(killed.json<{ end: string; lines: number }>().map(({ end }) => end), ["open"]);
    assert.equal((await verify(audit.path, "--closed")).code, 1);

    await signet.restart();
    await post(signet, call(1, "echo"), id);
    await audit.exchanges(52);
    const old = `${audit.path}.1`;
    await Deno.rename(audit.path, old);
    signet.signal("SIGHUP");
    await signet.waitForEvent("reloaded");
    await post(signet, call(2, "echo"), id);
    await signet.kill("SIGTERM");
    assert.deepEqual([(await audit.lines(old)).filter(isCall).length, (await audit.lines()).filter(isCall).length], [
      51,
      1,
    ]);

    const whole = await verify(old, audit.path, "--closed");
    assert.equal(whole.code, 0, whole.out + whole.err);
    assert.deepEqual(whole.json<{ killed: number }>().map(({ killed }) => killed), [1]);
    const [{ head }] = whole.json<{ head: { seq: number; mac: string } }>() as [{ head: { seq: number; mac: string } }];
    assert.equal((await verify(old, audit.path, "--head", `${head.seq}:${head.mac}`)).code, 0);
    assert.equal((await verify(audit.path)).code, 0, "a file that goes on from an earlier one is whole by itself");
    const stranger = await signetCli(["audit", "verify", audit.path], { env: { MCP_ENCRYPTION_KEY: newKey() } });
    assert.match(stranger.out, /not in the ring/);
    const text = await Deno.readTextFile(old);
    await Deno.writeTextFile(old, text.replace('"name":"echo"', '"name":"ekko"'));
    const changed = await verify(old, audit.path);
    assert.equal(changed.code, 1);
    assert.match(changed.out, /these lines are not as they were written/);
    await Deno.writeTextFile(old, text.split("\n").slice(0, -20).join("\n") + "\n");
    assert.equal((await verify(old, audit.path)).code, 1);
  },
);

Deno.test("G1: an audit log on standard output has nothing else there", STRICT, async () => {
  await using upstream = new FakeMcp();
  const args = ["--unsafe-anonymous", "--log-format", "json", "--audit", "stdout"];
  await using signet = await startSignet({ upstream: upstream.url, args });
  const id = await open(signet);
  await post(signet, call(1, "echo"), id);
  await signet.kill("SIGTERM");
  assert.equal(signet.logs.some((line) => line.includes("nobody will be able to verify the audit log")), true);
  const lines = signet.logs.filter((line) => line.startsWith('{"v":1,')).map((line) => JSON.parse(line) as AuditLine);
  assert.deepEqual(lines.map(({ event }) => event), [
    "audit.start",
    "session.open",
    "request",
    "tool.call",
    "audit.stop",
  ]);
});

/** A syslog collector: what came, message by message. */
interface Collector extends AsyncDisposable {
  readonly target: string;
  readonly messages: string[];
}

function closing(server: { close(done: () => void): void }): () => Promise<void> {
  return () => new Promise<void>((resolve) => server.close(() => resolve()));
}

async function overUdp(): Promise<Collector> {
  const messages: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (message) => void messages.push(message.toString()));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
  return {
    target: `syslog:udp://127.0.0.1:${socket.address().port}`,
    messages,
    [Symbol.asyncDispose]: closing(socket),
  };
}

/** RFC 6587 §3.4.1. */
async function overStream(path?: string): Promise<Collector> {
  const messages: string[] = [];
  const server = createServer((socket) => {
    let rest = "";
    socket.on("data", (bytes) => {
      rest += bytes.toString();
      for (let head = /^(\d+) /.exec(rest); head !== null; head = /^(\d+) /.exec(rest)) {
        const end = head[0].length + Number(head[1]);
        if (rest.length < end) return;
        messages.push(rest.slice(head[0].length, end));
        rest = rest.slice(end);
      }
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", () => resolve());
    else server.listen(path, () => resolve());
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const target = path === undefined ? `syslog:tcp://127.0.0.1:${port}` : `syslog:unix:${path}`;
  return { target, messages, [Symbol.asyncDispose]: closing(server) };
}

for (const transport of ["udp", "tcp", "unix"] as const) {
  Deno.test(`G1: a syslog collector gets every line of the audit log, by ${transport}`, STRICT, async () => {
    await using folder = await AuditFolder.make();
    await using collector = transport === "udp"
      ? await overUdp()
      : await overStream(transport === "unix" ? `${folder.folder}/log.sock` : undefined);
    await using upstream = new FakeMcp();
    const args = ["--unsafe-anonymous", "--log-format", "json", "--audit", collector.target];
    {
      await using signet = await startSignet({ upstream: upstream.url, args });
      const id = await open(signet);
      await post(signet, call(1, "echo"), id);
      await signet.kill("SIGTERM");
    }
    const parsed = () =>
      collector.messages.map((message) => {
        const [, json = "{}"] = /^<110>1 \d{4}-\d\d-\d\dT\S+Z \S+ signet \d+ audit - (\{.*\})$/s.exec(message) ?? [];
        return (JSON.parse(json) as AuditLine).event;
      });
    await until(() => parsed().includes("audit.stop"), () => `the last message of ${collector.messages.join("\n")}`);
    assert.deepEqual(parsed(), ["audit.start", "session.open", "request", "tool.call", "audit.stop"]);
  });
}

Deno.test("G1: of 10,000 mixed requests to the program, each is in its audit log once", STRICT, async () => {
  await using audit = await AuditFolder.make();
  await using upstream = new FakeMcp();
  const mix = new AuditMix(upstream);
  const env = { MCP_ENCRYPTION_KEY: newKey() };
  const args = [...MIX_FLAGS, "--log-format", "json", "--audit", audit.path];
  {
    await using signet = await startSignet({ upstream: upstream.url, args, env });
    await mix.run(signet.url, 10_000);
    await signet.kill("SIGTERM");
  }
  mix.judge(await audit.lines());
  assert.equal((await signetCli(["audit", "verify", audit.path, "--closed"], { env })).code, 0);
});
