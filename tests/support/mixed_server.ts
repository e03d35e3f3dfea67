// An MCP server on bare sockets that believes nobody: whatever of a request speaks of a caller or a session has to be
// about the very call that its body describes. It answers in every manner that HTTP has, a few of them wrong.
import { json, type RawRequest, RawUpstream, write } from "./raw_upstream.ts";
import type { Findings } from "./soak/marks.ts";

/** What a call says of itself in its arguments, beside what its head says. */
export interface MixedCall {
  readonly caller: string;
  /** What the server has called the session. */
  readonly session: string;
  readonly mark: string;
  /** Whether its head says it, too: else it is the last one's but for the session. */
  readonly isMarked: boolean;
  readonly manner: Manner;
  /** Characters that make the answer longer. */
  readonly size: number;
}

export type Manner = keyof typeof MANNERS;

/** Numbers from 0 to below 1, the same for one seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Cut where `random` says, into `most` pieces at most. */
export function torn(text: string, most: number, random: () => number): string[] {
  const cuts = Array.from({ length: most - 1 }, () => Math.floor(random() * text.length)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, at) => text.slice(from, cuts[at] ?? text.length)).filter((piece) => piece !== "");
}

/** In the chunked coding, in pieces of many lengths. */
export function inChunks(text: string, random: () => number, trailers = ""): string {
  const pieces = torn(text, 8, random).map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `${pieces.join("")}0\r\n${trailers}\r\n`;
}

interface Saying {
  readonly body: string;
  /** A whole answer with that body. */
  readonly whole: string;
  readonly random: () => number;
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
/** Of nobody's call. */
export const NOBODYS = "behind the answer";
const POISON = json({ jsonrpc: "2.0", id: 0, result: { mark: NOBODYS } });

/** What is written for an answer, in pieces; and whether the connection ends behind it. */
const MANNERS = {
  whole: ({ whole }: Saying) => [whole],
  torn: ({ whole, random }: Saying) => torn(whole, 6, random),
  chunks: ({ body, random }: Saying) => [`${HEAD}transfer-encoding: chunked\r\n\r\n${inChunks(body, random)}`],
  tornChunks: ({ body, random }: Saying) =>
    torn(`${HEAD}transfer-encoding: chunked\r\n\r\n${inChunks(body, random, "x-t: 1\r\n")}`, 9, random),
  events: ({ body, random }: Saying) =>
    torn(
      `${HEAD.replace("application/json", "text/event-stream")}transfer-encoding: chunked\r\n\r\n` +
        inChunks(`data: ${body}\n\n`, random),
      6,
      random,
    ),
  interim: ({ whole, random }: Saying) => torn(`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${whole}`, 4, random),
  otherSession: ({ whole }: Saying) => [whole.replace("\r\n", "\r\nmcp-session-id: of-somebody-else\r\n")],
  twice: ({ whole }: Saying) => [whole + POISON],
  // To the byte what a connection at rest reads at a time.
  twiceFilled: ({ body }: Saying) => {
    const filled = (length: number) => HEAD + `content-length: ${length}\r\n\r\n` + body.padEnd(length, " ");
    return [filled(Math.max(body.length, 1024 - HEAD.length - "content-length: 123\r\n\r\n".length)) + POISON];
  },
  closes: ({ whole }: Saying) => [whole.replace("\r\n", "\r\nconnection: close\r\n"), END],
  untilClose: ({ body }: Saying) => [`${HEAD}\r\n${body}`, END],
  half: ({ whole, random }: Saying) => [whole.slice(0, Math.floor(random() * whole.length)), END],
  none: () => [END],
} satisfies Record<string, (saying: Saying) => readonly string[]>;
const END = "";

export const MANNER_NAMES = Object.keys(MANNERS) as Manner[];
/** Of these the client may see nothing but that something broke. */
export const BREAKING: readonly Manner[] = ["half", "none"];

/** What is sent of a call besides what frames it. */
const EXPECTED = ["accept", "content-type", "host", "mcp-session-id", "x-caller", "x-signet-user"];

export class MixedServer extends RawUpstream {
  calls = 0;
  readonly #findings: Findings;
  readonly #random: () => number;
  #sessions = 0;

  constructor(findings: Findings, random: () => number) {
    super((request) => this.#answer(request));
    this.#findings = findings;
    this.#random = random;
  }

  async #answer({ head, body, conn }: RawRequest): Promise<boolean | void> {
    const message = parse(body);
    if (message === undefined) return this.#findings.add("a body that is no message", head + body);
    if (message.method === "notifications/initialized") {
      return await write(conn, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
    }
    if (message.method === "initialize") return await write(conn, this.#greeting(head, message));
    this.calls++;
    const call = message.params.arguments as MixedCall;
    this.#judge(head, call);
    const { caller, session, mark, size } = call;
    const answer = { jsonrpc: "2.0", id: message.id, result: { caller, session, mark, fill: "y".repeat(size) } };
    const text = JSON.stringify(answer);
    for (const piece of MANNERS[call.manner]({ body: text, whole: json(answer), random: this.#random })) {
      if (piece === END) return false;
      await write(conn, piece);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #greeting(head: string, { id, params }: Message): string {
    const session = `${valueOf(head, "x-caller")}-${++this.#sessions}-${"z".repeat(this.#random() * 40)}`;
    const { protocolVersion } = params;
    const result = { protocolVersion, capabilities: {}, serverInfo: { name: session, version: "1" } };
    return json({ jsonrpc: "2.0", id, result }, `mcp-session-id: ${session}\r\n`);
  }

  #judge(head: string, { caller, session, mark, isMarked }: MixedCall): void {
    const lines = head.split("\r\n").slice(1, -2).filter((line) => !line.startsWith("content-length"));
    const names = lines.map((line) => line.slice(0, line.indexOf(":"))).sort();
    const wanted = isMarked ? EXPECTED.toSpliced(5, 0, "x-mark") : EXPECTED;
    if (names.join() !== wanted.join()) this.#findings.add("other fields than were sent", head);
    for (
      const [name, wanted] of [["mcp-session-id", session], ["x-caller", caller], [
        "x-mark",
        isMarked ? mark : undefined,
      ], [
        "x-signet-user",
        caller,
      ]]
    ) {
      if (valueOf(head, name!) !== wanted) this.#findings.add(`another call's ${name}`, `${wanted} wanted: ${head}`);
    }
  }
}

interface Message {
  readonly id: unknown;
  readonly method: string;
  // deno-lint-ignore no-explicit-any
  readonly params: any;
}

function parse(body: string): Message | undefined {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function valueOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, "m").exec(head)?.[1];
}
