// A program: the fast lane in this process, between a client and a server that are memory. What is left is Signet's own
// work for a request, so the CPU time of a fixed number of them can be repeated on a busy machine, as a socket's cannot.
//   deno run -A path_load.ts FOLDER ROUNDS REQUESTS [--load=LOAD] [--others=N] [--traced=RATIO] [FLAG…]
// FOLDER: the checkout whose lib is measured, this one or another; FLAG: of `signet serve`, besides those that are needed.
// LOAD: `session`, calls of an open session in the fast lane, unless it is `cold`, calls of sessions none of which is
// known, `stateless`, calls of revision 2026-07-28 with nothing to bring back, or a name in CARRYING: `state`, such calls
// that bring a state of 1 KB and are answered with another, `state-in` and `state-out`, one of both, `task`, `cursor`. No
// two requests bring the same. `refused` is for scripts/bench_refusals.ts.
// N: sessions that are opened before, a call each, with `--load=known`: calls of a hundred sessions, all of them known.
// RATIO: the share of requests that is traced; the collector is memory, too, and takes everything.
// Prints the CPU time a request took in each round, ns, as JSON.
import process from "node:process";
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import type { Network, Socket, SocketOwner } from "../../lib/platform/sockets/socket.ts";
import { CALL, INITIALIZE, PATH } from "./context.ts";
import { AUDIENCE, ISSUER, makeCredentials } from "./credentials.ts";
import { type RefusalTimes, timeRefusals } from "./refusals.ts";

const [folder = ".", rounds = "20", requests = "5000", ...given] = Deno.args;
const LOAD = "--load=", TRACED = "--traced=", OTHERS = "--others=";
const ratio = given.find((word) => word.startsWith(TRACED))?.slice(TRACED.length);
const load = given.find((word) => word.startsWith(LOAD))?.slice(LOAD.length) ?? "session";
const isStateless = ["stateless", "state", "state-in", "state-out", "task", "cursor", "refused"].includes(load);
const others = Number(given.find((word) => word.startsWith(OTHERS))?.slice(OTHERS.length) ?? 0);
const more = given.filter((word) => ![LOAD, TRACED, OTHERS].some((option) => word.startsWith(option)));
const CONNECTIONS = 32;
const WARM_UP = load === "cold" ? 5_000 : 50_000;
/** As the whole bench has it (contenders.ts). */
const ROOM = ["--max-sessions", "20000", "--max-sessions-per-principal", "100000", "--principal-share", "100"];
const UPSTREAM_ID = "0123456789abcdef0123456789abcdef";

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

/** One side of a connection whose other side is a function. */
class MemorySocket implements Socket {
  readonly takesAtOnce = false;
  onWrite: (bytes: Uint8Array) => void = () => {};
  #owner: SocketOwner | undefined;
  readonly #input: Uint8Array[] = [];
  #wanted = false;
  #closed = false;

  own(owner: SocketOwner): void {
    this.#owner = owner;
  }

  read(): void {
    this.#wanted = true;
    if (this.#input.length > 0) queueMicrotask(() => this.#deliver());
  }

  push(bytes: Uint8Array): void {
    this.#input.push(bytes);
    this.#deliver();
  }

  #deliver(): void {
    if (!this.#wanted || this.#closed || this.#input.length === 0) return;
    this.#wanted = false;
    const bytes = this.#input.shift()!;
    const memory = this.#owner!.takeMemory();
    const count = Math.min(memory.length, bytes.length);
    memory.set(count === bytes.length ? bytes : bytes.subarray(0, count));
    if (count < bytes.length) this.#input.unshift(bytes.subarray(count));
    this.#owner!.onBytes(memory, count);
  }

  /** Older states write whole views. */
  write(bytes: Uint8Array, from = 0, to: number = bytes.length): Promise<number> {
    this.onWrite(bytes.subarray(from, to));
    return Promise.resolve(to - from);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#closed = true;
  }
}

type Accept = Parameters<ReturnType<Network["listen"]>["accept"]>[0];

let onIncoming: Accept | undefined;
let answer = answerOf({ protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "bench", version: "1" } });

function answerOf(result: unknown): Uint8Array {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, result });
  const session = isStateless ? "" : `Mcp-Session-Id: ${UPSTREAM_ID}\r\n`;
  const fields = `Content-Type: application/json\r\n${session}Content-Length: ${body.length}`;
  return encoder.encode(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`);
}

/** In place of the runtime's, before anything listens. */
const memoryNetwork: Pick<Network, "listen" | "connect"> = {
  // The first to listen is the server, the second the admin's: that one is not spoken to.
  listen: () => ({ port: 1, accept: (accept) => void (onIncoming ??= accept), close: () => {} }),
  connect: () => {
    const socket = new MemorySocket();
    socket.onWrite = () => queueMicrotask(() => socket.push(answer));
    return Promise.resolve(socket);
  },
};

function connect(): MemorySocket {
  const socket = new MemorySocket();
  onIncoming!({ socket, remoteAddress: "127.0.0.1", remotePort: 2 });
  return socket;
}

/** Starts Signet as `signet serve` would. @returns a token of a caller's, and the keys */
async function start(): Promise<{ readonly token: string; readonly ring: KeyRing }> {
  const lib = <T>(path: string): Promise<T> => import(`${folder}/lib/${path}`);
  Object.assign((await lib<{ NETWORK: Network }>("platform/sockets.ts")).NETWORK, memoryNetwork);
  const { startApp } = await lib<typeof import("../../lib/app/app.ts")>("app/app.ts");
  const { parseFlags } = await lib<typeof import("../../lib/config/flags.ts")>("config/flags.ts");
  const { loadSettings } = await lib<typeof import("../../lib/config/load.ts")>("config/load.ts");
  const { SETTING_KEYS } = await lib<typeof import("../../lib/config/schema.ts")>("config/schema.ts");
  const { ephemeralKeyRing } = await lib<typeof import("../../lib/envelope/key_ring.ts")>("envelope/key_ring.ts");
  const { createLogger } = await lib<typeof import("../../lib/observe/log.ts")>("observe/log.ts");
  const directory = await Deno.makeTempDir({ prefix: "signet_bench_path_" });
  try {
    const { jwksFile, token } = await makeCredentials(directory);
    const flags = parseFlags([
      ...["--listen", "127.0.0.1:1", "--admin", "127.0.0.1:2", "--upstream", `http://127.0.0.1:3${PATH}`],
      ...["--principal", "jwt", "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-jwks", jwksFile],
      ...(load === "cold" ? ["--max-sessions", "100", "--principal-share", "100"] : []),
      ...(load === "known" ? ROOM : []),
      ...more,
    ], { command: "signet serve", accepts: new Set(SETTING_KEYS) });
    const readTextFile = (path: string) => Deno.readTextFile(path);
    const fileMode = async (path: string) => (await Deno.stat(path)).mode;
    const { settings } = await loadSettings({ flags, env: {}, readTextFile, fileMode });
    const ring = ephemeralKeyRing((n) => crypto.getRandomValues(new Uint8Array(n)));
    await startApp({
      settings,
      telemetry: ratio === undefined ? undefined : await telemetryOf(ratio),
      loadKeys: () => Promise.resolve({ ring, source: "bench", ephemeral: true, warnings: [] }),
      reloadSettings: () => Promise.resolve(settings),
      log: createLogger({ level: "error", format: "json", now: Date.now, write: (line) => console.error(line) }),
      now: Date.now,
    });
    return { token, ring };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function telemetryOf(ratio: string) {
  const module = `${folder}/lib/config/otel_variables.ts`;
  const { readTelemetry }: typeof import("../../lib/config/otel_variables.ts") = await import(module);
  return readTelemetry({
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4",
    OTEL_METRICS_EXPORTER: "none",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: ratio,
  }).telemetry;
}

function requestOf(token: string, id: string | undefined, body: string): Uint8Array {
  const fields = [
    ...["Host: 127.0.0.1:1", "Content-Type: application/json", "Accept: application/json, text/event-stream"],
    `Authorization: Bearer ${token}`,
    `Mcp-Protocol-Version: ${isStateless ? "2026-07-28" : "2025-11-25"}`,
    ...(isStateless ? mirrored(JSON.parse(body)) : []),
    ...(id === undefined ? [] : [`Mcp-Session-Id: ${id}`]),
    `Content-Length: ${body.length}`,
  ];
  return encoder.encode(`POST ${PATH} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`);
}

function mirrored({ method, params: { name, taskId } }: { method: string; params: Record<string, string> }): string[] {
  const named = method === "tools/call" ? name : method === "tasks/get" ? taskId : undefined;
  return [`Mcp-Method: ${method}`, ...(named === undefined ? [] : [`Mcp-Name: ${named}`])];
}

/** What one request is answered with, as text. */
async function answerTo(request: Uint8Array, client = connect()): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  client.onWrite = (bytes) => resolve(latin1.decode(bytes));
  client.push(request);
  return await promise;
}

async function openSession(token: string): Promise<string> {
  const answered = await answerTo(requestOf(token, undefined, INITIALIZE));
  const id = /mcp-session-id: (\S+)/i.exec(answered)?.[1];
  if (id === undefined) throw new Error(`opening a session: found ${answered.slice(0, 200)}`);
  return id;
}

const RESULT = { content: [{ type: "text", text: "0123456789abcdef".repeat(27) }], isError: false };
const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
};

const STATE = "0123456789abcdef".repeat(64), TASK = "786512e2-9e0d-44bd-8f29-789f320fe840";

/** What is asked and answered, where that carries something; each request brings a value of its own. */
interface CarryingLoad {
  readonly method: string;
  /** What the values to be brought are got by, of a server that answers with one of this name. */
  readonly given: (n: number) => object;
  readonly member: string;
  /** What brings one; undefined where none is brought. */
  readonly bring: ((value: unknown) => object) | undefined;
  readonly answer: object;
}

const ASKS = { resultType: "input_required", inputRequests: {} };
const CARRYING: Readonly<Record<string, CarryingLoad>> = {
  state: {
    method: "tools/call",
    given: (n) => ({ ...ASKS, requestState: `${n}${STATE}`.slice(0, 1024) }),
    member: "requestState",
    bring: (requestState) => ({ requestState, inputResponses: {} }),
    answer: { ...ASKS, requestState: STATE },
  },
  "state-out": {
    method: "tools/call",
    given: () => ({ ...ASKS, requestState: STATE }),
    member: "requestState",
    bring: undefined,
    answer: { ...ASKS, requestState: STATE },
  },
  "state-in": {
    method: "tools/call",
    given: (n) => ({ ...ASKS, requestState: `${n}${STATE}`.slice(0, 1024) }),
    member: "requestState",
    bring: (requestState) => ({ requestState, inputResponses: {} }),
    answer: { ...RESULT, resultType: "complete" },
  },
  task: {
    method: "tasks/get",
    given: (n) => ({ resultType: "task", taskId: `${n}${TASK}`, status: "working", createdAt: "", ttlMs: null }),
    member: "taskId",
    bring: (taskId) => ({ taskId }),
    answer: { resultType: "complete", taskId: TASK, status: "working", createdAt: "2026-11-26T00:00:00Z", ttlMs: null },
  },
  cursor: {
    method: "tools/list",
    given: (n) => ({ resultType: "complete", tools: [], nextCursor: `${n}` }),
    member: "nextCursor",
    bring: (cursor) => ({ cursor }),
    answer: { resultType: "complete", tools: [], nextCursor: "eyJwYWdlIjoyfQ==", ttlMs: 0, cacheScope: "private" },
  },
};

/** The requests of calls without a session, each of another id. */
async function statelessRequests(token: string, ids: readonly number[]): Promise<Uint8Array[]> {
  const { params } = JSON.parse(CALL);
  const requestFor = (id: number, more: object, method = "tools/call") => {
    const own = method === "tools/call" ? params : {};
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...own, ...more, _meta: ENVELOPE } });
    return requestOf(token, undefined, body);
  };
  // Asked first what it is, so that what follows passes through and is not bridged.
  answer = answerOf({
    ...{ resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: {} },
    ...{ ttlMs: 0, cacheScope: "private" },
  });
  await answerTo(requestFor(0, {}));
  const carrying = load === "refused" ? CARRYING.state : CARRYING[load];
  if (carrying === undefined) {
    answer = answerOf({ ...RESULT, resultType: "complete" });
    return ids.map((id) => requestFor(id, {}));
  }
  const requests: Uint8Array[] = [];
  const { method, given, member, bring } = carrying;
  for (const id of ids) {
    if (bring === undefined) {
      requests.push(requestFor(id, {}, method));
      continue;
    }
    answer = answerOf(given(id));
    const asked = await answerTo(requestFor(id, {}, method === "tasks/get" ? "tools/call" : method));
    const { result } = JSON.parse(asked.slice(asked.indexOf("{"), asked.lastIndexOf("}") + 1));
    requests.push(requestFor(id, bring(result[member]), method));
  }
  answer = answerOf(carrying.answer);
  return requests;
}

/** As many ids as are asked for, of sessions that were never opened here. */
async function strangers(ring: KeyRing, id: string, count: number): Promise<string[]> {
  const module = `${folder}/lib/envelope/session_id.ts`;
  const { newSid, openSession, sealSession }: typeof import("../../lib/envelope/session_id.ts") = await import(module);
  const opened = openSession(ring, id);
  if (!opened.ok) throw new Error(`opening the id of a session: found ${opened.reason}`);
  const sid = () => newSid((length) => crypto.getRandomValues(new Uint8Array(length)));
  return Array.from({ length: count }, () => sealSession(opened.key, { ...opened.session, sid: sid() }));
}

async function requestsOf({ token, ring }: Awaited<ReturnType<typeof start>>): Promise<Uint8Array[]> {
  const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
  if (isStateless) return await statelessRequests(token, ids);
  const session = await openSession(token);
  answer = answerOf(RESULT);
  const client = connect();
  for (let left = others; left > 0; left -= 1000) {
    for (const id of await strangers(ring, session, Math.min(left, 1000))) {
      await answerTo(requestOf(token, id, CALL), client);
    }
  }
  const count = load === "cold" ? ids.length : load === "known" ? 100 : 0;
  const sessions = count > 0 ? await strangers(ring, session, count) : [session];
  return ids.map((id) => requestOf(token, sessions[id % sessions.length], CALL.replace('"id":1,', `"id":${id},`)));
}

/** Times of calls whose state is refused, instead of CPU time. */
async function refused(): Promise<RefusalTimes> {
  const { token, ring } = await start();
  const [first = new Uint8Array(0)] = await statelessRequests(token, [1]);
  const text = JSON.parse(latin1.decode(first.subarray(first.indexOf(0x7b)))).params.requestState as string;
  const client = connect();
  const ask = (state: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    client.onWrite = (bytes) => {
      if (latin1.decode(bytes).includes("invalid_request_state")) resolve();
      else reject(new Error(`calling with a state: found ${latin1.decode(bytes).slice(0, 200)}`));
    };
    const { params } = JSON.parse(CALL);
    const brought = { ...params, requestState: state, inputResponses: {}, _meta: ENVELOPE };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: brought });
    client.push(requestOf(token, undefined, body));
    return promise;
  };
  return await timeRefusals({ folder, ring, text, ask, rounds: Number(rounds) });
}

async function main(): Promise<void> {
  if (load === "refused") return console.log(JSON.stringify(await refused()));
  const texts = await requestsOf(await start());
  let [next, done, wanted] = [0, 0, 0];
  let finish = () => {};
  const send = (client: MemorySocket) => client.push(texts[next++ % texts.length]!);
  const clients = Array.from({ length: CONNECTIONS }, connect);
  for (const client of clients) {
    client.onWrite = (bytes) => {
      if (bytes[9] !== 0x32) throw new Error(`calling: found ${latin1.decode(bytes).slice(0, 200)}`);
      if (++done <= wanted - CONNECTIONS) queueMicrotask(() => send(client));
      else if (done === wanted) finish();
    };
  }
  const run = async (count: number) => {
    [done, wanted] = [0, count];
    const { promise, resolve } = Promise.withResolvers<void>();
    finish = resolve;
    clients.forEach(send);
    await promise;
  };
  await run(WARM_UP);
  const found: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const before = process.cpuUsage();
    await run(Number(requests));
    const { user, system } = process.cpuUsage(before);
    found.push((user + system) * 1000 / Number(requests));
  }
  console.log(JSON.stringify(found));
}

await main();
Deno.exit(0);
