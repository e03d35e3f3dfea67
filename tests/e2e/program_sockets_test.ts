// The real program's sockets, on whichever runtime it has: half-closed clients, slow readers, aborts, many streams, and
// certificates that change under load.
import assert from "node:assert/strict";
import { openFilesLimit } from "../../lib/platform/process/descriptors.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { Signet } from "../support/mcp_signet.ts";
import { RawPeer } from "../support/raw_peer.ts";
import { assertReloadRefusedNobody } from "../support/reload_promise.ts";
import { INITIALIZE } from "../support/signet.ts";
import { until } from "../support/until.ts";
import { makeCertificate } from "../unit/http1/tls_support.ts";

const JSON_FIELDS = { "content-type": "application/json", accept: "application/json, text/event-stream" };

async function openSession(url: string, client?: Deno.HttpClient): Promise<string> {
  const response = await fetch(url, {
    ...{ method: "POST", headers: JSON_FIELDS, body: JSON.stringify(INITIALIZE) },
    ...(client === undefined ? {} : { client }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return response.headers.get("mcp-session-id")!;
}

function callText(id: string, size = 0): string {
  const params = { name: "echo", arguments: { text: "x".repeat(size) } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params });
  return "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n" +
    `accept: application/json, text/event-stream\r\nmcp-session-id: ${id}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const portOf = (url: string) => Number(new URL(url).port);

Deno.test("a client that has ended its side gets its answer, in one piece or byte by byte", async () => {
  await using upstream = new FakeMcp();
  await using signet = await Signet.start({ upstream: upstream.url });
  const id = await openSession(signet.url);
  for (const pieces of [1, 40]) {
    await using client = await RawPeer.connect({ port: portOf(signet.url) });
    const text = callText(id);
    const step = Math.ceil(text.length / pieces);
    for (let at = 0; at < text.length; at += step) await client.send(text.slice(at, at + step));
    await client.closeWrite();
    let answer = await client.takeMessage();
    // Whether a client that has ended its side is there still is found out by asking it to go on.
    while (answer.status === 100) answer = await client.takeMessage();
    assert.equal(answer.status, 200);
    assert.match(answer.body, /"echoed"/);
  }
});

Deno.test("a big answer waits for a slow client and arrives whole; others are served meanwhile", async () => {
  await using upstream = new FakeMcp();
  await using signet = await Signet.start({ upstream: upstream.url });
  const id = await openSession(signet.url);
  await using slow = await RawPeer.connect({ port: portOf(signet.url) });
  slow.pause();
  const size = 3_000_000;
  await slow.send(callText(id, size));
  await until(() => upstream.ran.get("echo") === 1, "the call");
  for (let i = 0; i < 5; i++) await openSession(signet.url);
  slow.resume();
  const { status, body } = await slow.takeMessage();
  assert.equal(status, 200);
  assert.ok(body.length > size, `${body.length} bytes`);
});

/** Around what fits a message's buffer, a runtime's receive buffer, and several of those. */
const BODY_SIZES = [60_000, 66_000, 300_000, 524_288, 1_300_000];

Deno.test("callers with big bodies get their own bytes and nobody else's, whoever leaves halfway", async () => {
  await using upstream = new FakeMcp();
  await using signet = await Signet.start({ upstream: upstream.url });
  const id = await openSession(signet.url);
  const echo = async (caller: number) => {
    for (let call = 0; call < 2 * BODY_SIZES.length; call++) {
      const mark = `${caller}.${call};`;
      const text = mark.repeat(Math.ceil(BODY_SIZES[(caller + call) % BODY_SIZES.length]! / mark.length));
      const params = { name: "echo", arguments: { text } };
      const response = await fetch(signet.url, {
        ...{ method: "POST", headers: { ...JSON_FIELDS, "mcp-session-id": id } },
        body: JSON.stringify({ jsonrpc: "2.0", id: call, method: "tools/call", params }),
      });
      const answer = await response.text();
      assert.equal(response.status, 200, answer.slice(0, 300));
      const at = answer.indexOf(mark);
      // Not by assert.equal: a megabyte of difference is nothing to read.
      assert.ok(answer.slice(at, at + text.length) === text, `caller ${caller} got call ${call} back as it was`);
      assert.match(answer.slice(0, at) + answer.slice(at + text.length), /^[^;]*$/, "and nothing else");
    }
  };
  const leave = async () => {
    for (const size of BODY_SIZES) {
      await using client = await RawPeer.connect({ port: portOf(signet.url) });
      const text = callText(id, size).replaceAll("xx", "!;");
      await client.send(text.slice(0, text.length - 20_000));
    }
  };
  await Promise.all([echo(0), leave(), echo(1), echo(2), leave(), echo(3)]);
  assert.equal(upstream.ran.get("echo"), 4 * 2 * BODY_SIZES.length, "half a call is none");
});

/** How many clients stream or call at a time: as many as are asked for, where there are descriptors for them. */
const CROWD = crowd(Number(Deno.env.get("SIGNET_TEST_CROWD") ?? 1000));

/** Each takes two descriptors here, and two in Signet. */
function crowd(asked: number): number {
  const fit = Math.floor(((openFilesLimit() ?? Infinity) - 500) / 2);
  if (fit >= asked) return asked;
  console.warn(`%cNOT PROVEN: ${asked} streams, because there are descriptors for ${fit} alone`, "color: red");
  return Math.max(1, fit);
}

const CROWD_FLAGS = [
  ...["--max-sessions-per-principal", String(2 * CROWD), "--max-connections", String(Math.max(2000, 4 * CROWD))],
  ...["--max-streams", String(2 * CROWD), "--max-in-flight", String(2 * CROWD), "--principal-share", "100"],
];
/** As many at a time as a listener's queue takes. */
const BATCH = 100;

/** Runs `work` for each number below {@link CROWD}. */
async function forCrowd(work: (n: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < CROWD; from += BATCH) {
    await Promise.all(Array.from({ length: Math.min(BATCH, CROWD - from) }, (_, i) => work(from + i)));
  }
}

async function inUse(signet: Signet, limit: string): Promise<number> {
  const page = await (await fetch(`${signet.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^signet_in_use\\{limit="${limit}"\\} (\\d+)$`, "m").exec(page)?.[1]);
}

Deno.test(`${CROWD} streams are open at a time, and each client's end ends its own upstream`, async () => {
  await using upstream = new FakeMcp();
  await using signet = await Signet.start({ upstream: upstream.url, args: CROWD_FLAGS });
  // A stream that nobody holds any more is closed by the garbage collector.
  const readers: ReadableStreamDefaultReader[] = [];
  let heard = 0;
  await forCrowd(async () => {
    const headers = { accept: "text/event-stream", "mcp-session-id": await openSession(signet.url) };
    const response = await fetch(signet.url, { headers });
    assert.equal(response.status, 200);
    const reader = response.body!.getReader();
    readers.push(reader);
    reader.read().then(() => heard++, () => {});
  });
  await until(() => upstream.streams.size === CROWD, () => `${CROWD} streams: there are ${upstream.streams.size}`);
  assert.equal(await inUse(signet, "streams"), CROWD);
  upstream.push({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "to all" } });
  await until(() => heard === CROWD, () => `an event on each of ${CROWD} streams: ${heard} have it`);
  for (const left of [Math.ceil(CROWD / 2), 0]) {
    await Promise.all(readers.splice(left).map((reader) => reader.cancel()));
    await until(
      () => upstream.streams.size === left,
      () => `${left} streams upstream: there are ${upstream.streams.size}`,
    );
    await until(async () => await inUse(signet, "streams") === left, `${left} places of streams`);
  }
});

Deno.test(`${CROWD} calls are left by their clients at once, and nothing of them stays`, async () => {
  await using upstream = new FakeMcp();
  let waiting = 0;
  let ended = 0;
  const gate = Promise.withResolvers<void>();
  upstream.tool("wait", async () => {
    waiting++;
    await gate.promise;
    ended++;
    return {};
  });
  await using signet = await Signet.start({ upstream: upstream.url, args: CROWD_FLAGS });
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "wait" } });
  const aborts = Array.from({ length: CROWD }, () => new AbortController());
  const calls: Promise<unknown>[] = [];
  await forCrowd(async (n) => {
    const headers = { ...JSON_FIELDS, "mcp-session-id": await openSession(signet.url) };
    calls.push(fetch(signet.url, { method: "POST", headers, body, signal: aborts[n]!.signal }));
    calls.at(-1)!.catch(() => {});
  });
  await until(() => waiting === CROWD, () => `${CROWD} calls: ${waiting} have come`);
  aborts.forEach((abort) => abort.abort());
  const outcomes = await Promise.allSettled(calls);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  await until(async () => await inUse(signet, "requests") === 0, "the places of calls that were left");
  gate.resolve();
  await until(() => ended === CROWD, "the upstream's calls");
  await openSession(signet.url);
});

Deno.test("TLS: SIGHUP brings a new certificate while clients keep coming", async () => {
  await using first = await makeCertificate("localhost");
  await using second = await makeCertificate("localhost");
  if (!first.available) return;
  await using upstream = new FakeMcp();
  const args = ["--tls-cert", first.certFile, "--tls-key", first.keyFile];
  await using signet = await Signet.start({
    upstream: upstream.url,
    args: [...args, "--max-sessions-per-principal", "9999"],
  });
  const trusting = (...caCerts: string[]) => Deno.createHttpClient({ caCerts, poolMaxIdlePerHost: 0 });
  using both = trusting(first.cert, second.cert);
  await openSession(signet.url, both);
  await Deno.writeTextFile(first.certFile, second.cert);
  await Deno.writeTextFile(first.keyFile, second.key);
  let stop = false;
  const faults: unknown[] = [];
  const knocking = Array.from({ length: 4 }, async () => {
    while (!stop) await openSession(signet.url, both).catch((error) => faults.push(error));
  });
  signet.signal("SIGHUP");
  await signet.waitForEvent("reloaded");
  using anew = trusting(second.cert);
  let fresh = 0;
  await until(async () => {
    fresh = await openSession(signet.url, anew).then(() => fresh + 1, () => 0);
    return fresh >= 5;
  }, "the new certificate alone");
  stop = true;
  await Promise.all(knocking);
  assertReloadRefusedNobody(faults);
});
