// O1, PROTOCOL 2: two callers whose requests come mixed on the same connections, in every cut, many at a time, before a
// server that answers in every manner: each answer is the call's own, and the server meets each call with its own caller,
// session and fields. On the real program, in both lanes and over a hop.
import assert from "node:assert/strict";
import { freePort } from "../../scripts/free_port.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import {
  BREAKING,
  inChunks,
  MANNER_NAMES,
  type MixedCall,
  MixedServer,
  NOBODYS,
  randomOf,
  torn,
} from "../support/mixed_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { INITIALIZE } from "../support/signet.ts";
import { Findings } from "../support/soak/marks.ts";
import { STRICT } from "../support/strict.ts";
import { within } from "../support/until.ts";

const CALLERS = ["alice", "bob"];
const FLAGS = [
  ...["--principal", "header", "--principal-header", "x-user", "--trusted-proxy", "127.0.0.0/8"],
  ...["--forward-identity", "--identity-user-header", "x-signet-user"],
];
const CLIENTS = 6, ROUNDS = 40, SESSIONS = 12;

interface Opened {
  readonly caller: string;
  readonly id: string;
  /** What the server calls it. */
  readonly session: string;
}

interface Asked extends MixedCall {
  /** Whether somebody else asks in that session. */
  readonly isTheft: boolean;
}

class Crowd {
  readonly findings = new Findings();
  readonly random: () => number;
  readonly server: MixedServer;
  answered = 0;
  readonly #opened: Opened[] = [];
  #marks = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
    this.server = new MixedServer(this.findings, this.random);
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)]!;
  }

  async open(signets: readonly Signet[]): Promise<void> {
    for (let i = 0; i < SESSIONS; i++) {
      const caller = CALLERS[i % 2]!;
      using client = await RawClient.connect(signets[(i >> 1) % signets.length]!.url);
      await client.send(post(JSON.stringify(INITIALIZE), [`x-user: ${caller}`, `x-caller: ${caller}`]));
      const { head, body } = await within("a session", client.answer());
      const id = /^mcp-session-id: (.*)\r$/m.exec(head)?.[1];
      assert.ok(id !== undefined, head + body);
      this.#opened.push({ caller, id, session: JSON.parse(body).result.serverInfo.name });
    }
  }

  /** One connection after the other, each for as long as it lasts. */
  async run(signets: readonly Signet[]): Promise<void> {
    let client: RawClient | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      client ??= await RawClient.connect(this.pick(signets).url);
      if (!await this.#ask(client)) {
        client[Symbol.dispose]();
        client = undefined;
      }
    }
    client?.[Symbol.dispose]();
  }

  /** Some requests at once. @returns whether the connection can go on */
  async #ask(client: RawClient): Promise<boolean> {
    const asked: Asked[] = [];
    let text = "";
    const usual = this.pick(this.#opened);
    // Of one caller their heads differ in the session alone.
    const sessions = this.random() < 0.5 ? this.#opened : this.#opened.filter(({ caller }) => caller === usual.caller);
    const isMarked = this.random() < 0.3;
    for (let left = this.pick([1, 1, 2, 5]); left > 0; left--) {
      const opened = this.random() < 0.4 ? usual : this.pick(sessions);
      const { caller, session } = opened;
      const mark = `mark-${++this.#marks}-${Math.floor(this.random() * 1e9)}`;
      const call = {
        caller,
        session,
        mark,
        isMarked,
        manner: this.pick(MANNER_NAMES),
        size: this.pick([0, 5, 300, 3000]),
      };
      const isTheft = this.random() < 0.05;
      asked.push({ ...call, isTheft });
      text += this.#request(call, opened.id, isTheft ? CALLERS.find((other) => other !== caller)! : caller);
    }
    const pieces = torn(text, this.pick([1, 2, 12]), this.random);
    try {
      for (const piece of pieces) await client.send(piece);
    } catch {
      return false; // closed behind an answer that broke off
    }
    for (const call of asked) if (!await this.#hear(client, call)) return false;
    return this.random() < 0.98;
  }

  #request(call: MixedCall, id: string, user: string): string {
    const pad = "p".repeat(this.pick([0, 3, 900, 1400, 5000]));
    const params = { name: "echo", arguments: { ...call, pad } };
    const body = JSON.stringify({ jsonrpc: "2.0", id: call.mark, method: "tools/call", params });
    const fields = [`x-user: ${user}`, `x-caller: ${call.caller}`];
    if (call.isMarked) fields.push(`x-mark: ${call.mark}`);
    // Mostly as it stood before: what is written otherwise is read anew.
    const name = this.pick(["mcp-session-id: ", "mcp-session-id: ", "Mcp-Session-Id:"]);
    fields.splice(this.pick([0, 0, 0, 2]), 0, name + id + this.pick(["", "", "", " "]));
    return post(body, fields, this.random() < 0.1 ? inChunks(body, this.random) : undefined);
  }

  async #hear(client: RawClient, call: Asked): Promise<boolean> {
    const { status, head, body } = await within(`the answer to ${call.mark}, ${call.manner}`, client.whole());
    const about = `${JSON.stringify(call)}: ${head}${body.slice(0, 300)}`;
    if (body.includes(NOBODYS)) this.findings.add("what nobody asked for", about);
    if (/^mcp-session-id:/m.test(head)) this.findings.add("an answer that names a session", about);
    if (status === 0) {
      // Cut, since the answer was; and what was asked behind it is lost with the connection.
      if (!BREAKING.includes(call.manner)) this.findings.add("a connection that ended", about);
      return false;
    }
    if (call.isTheft) {
      if (status !== 403) this.findings.add("a theft", about);
    } else if (status === 200) this.#compare(call, body, about);
    else if (!BREAKING.includes(call.manner) || status !== 502) this.findings.add(`status ${status}`, about);
    return !/^connection: close\r$/m.test(head);
  }

  #compare(call: Asked, body: string, about: string): void {
    const marks = body.match(/mark-\d+-\d+/g) ?? [];
    const isWhole = body.includes(`"session":"${call.session}"`) && body.includes(`"caller":"${call.caller}"`);
    if (marks.some((mark) => mark !== call.mark)) this.findings.add("another call's answer", about);
    else if (isWhole) this.answered++;
    else if (!BREAKING.includes(call.manner)) this.findings.add("an answer that is not whole", about);
  }
}

/** @param chunked the body in that coding, in place of a length */
function post(body: string, fields: readonly string[], chunked?: string): string {
  const framing = chunked === undefined ? `content-length: ${body.length}` : "transfer-encoding: chunked";
  const head = [
    "POST /mcp HTTP/1.1",
    "host: localhost",
    "content-type: application/json",
    "accept: application/json, text/event-stream",
    ...fields,
    framing,
  ];
  return `${head.join("\r\n")}\r\n\r\n${chunked ?? body}`;
}

interface Way {
  readonly what: string;
  readonly fullLane?: boolean;
  readonly replicas?: number;
}

const WAYS: readonly Way[] = [
  { what: "in the fast lane" },
  { what: "in the full lane", fullLane: true },
  { what: "over a hop", replicas: 2 },
];

for (const { what, fullLane = false, replicas = 1 } of WAYS) {
  Deno.test(
    `O1 PROTOCOL 2: mixed callers meet their own answers alone, and their server them (${what})`,
    STRICT,
    async () => {
      const seed = Number(Deno.env.get("SIGNET_TEST_SEED") ?? Date.now() % 1e6);
      const crowd = new Crowd(seed);
      await using server = crowd.server;
      await using signets = new AsyncDisposableStack();
      const all: Signet[] = [];
      const env = { MCP_ENCRYPTION_KEY: newKey() };
      for (let i = 0; i < replicas; i++) {
        const listen = `127.0.0.1:${freePort()}`;
        const peers = replicas === 1 ? [] : ["--advertise", `http://${listen}`, "--peer", "127.0.0.0/8"];
        const signet = await startSignet({ upstream: server.url, fullLane, listen, env, args: [...FLAGS, ...peers] });
        all.push(signets.use(signet));
      }
      await crowd.open(all);
      await Promise.all(Array.from({ length: CLIENTS }, () => crowd.run(all)));
      assert.deepEqual(crowd.findings.lines, [], `seed ${seed}`);
      assert.ok(crowd.answered > 100, `${crowd.answered} of ${server.calls} calls were answered`);
    },
  );
}
