// Jobs of load.ts for stdio servers: the same messages to the server on its own pipes, or through a proxy over HTTP.
// Both ways are timed by this one generator, so that what it costs itself cancels out of their difference.
//   stdio-calls  one call after the other in one session: latencies
//   stdio-opens  sessions opened, so many at a time, and ended once the clock has stopped: rates
import { fieldOf, RawConnection, requestBytes, type Target } from "./raw_http.ts";
import { type Latencies, summary } from "./summary.ts";

/** Who is called: a server started here, or a proxy. */
export type Peer =
  | { readonly command: readonly string[] }
  | { readonly target: Target; readonly headers: Readonly<Record<string, string>> };

export interface StdioCallJob {
  readonly peer: Peer;
  /** Opens the session; not timed. */
  readonly initialize: string;
  readonly body: string;
  /** What every answer is at least as long as: a refusal is shorter. In bytes. */
  readonly atLeast: number;
  readonly seconds: number;
}

export interface StdioOpenJob {
  readonly peer: Peer;
  readonly initialize: string;
  /** Sessions of a pass. */
  readonly count: number;
  /** One pass for each: so many are being opened at any time. */
  readonly passes: readonly number[];
}

export interface StdioOpened extends Latencies {
  readonly perSecond: number;
}

/** An open session: `send` settles with the length of the whole answer, in bytes. */
interface Session {
  send(body: string): Promise<number>;
  end(): Promise<void>;
}

const encoder = new TextEncoder();
const NEWLINE = 10;

/** A stdio server of this process. Answers are one line each and asked for one at a time, so a line end is an answer's. */
class PipedServer implements Session {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor([program = "", ...args]: readonly string[]) {
    this.#child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.getReader();
  }

  async send(body: string): Promise<number> {
    await this.#writer.write(encoder.encode(body + "\n"));
    for (let size = 0;;) {
      const { value } = await this.#reader.read();
      if (value === undefined) throw new Error("the server closed its output in the middle of a call");
      size += value.length;
      if (value.at(-1) === NEWLINE) return size;
    }
  }

  async end(): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
    await this.#reader.cancel();
  }
}

/** A session behind a proxy, on a connection of its own. */
class ProxiedSession implements Session {
  readonly #conn: RawConnection;
  readonly #target: Target;
  #headers: Readonly<Record<string, string>>;

  constructor(conn: RawConnection, { target, headers }: Extract<Peer, { target: Target }>) {
    this.#conn = conn;
    this.#target = target;
    this.#headers = headers;
  }

  async send(body: string): Promise<number> {
    const { status, head, bytes } = await this.#conn.exchange(requestBytes(this.#target, this.#headers, body));
    if (status !== 200) throw new Error(`want the answer 200 from port ${this.#target.port}, found ${status}`);
    const id = fieldOf(head, "mcp-session-id");
    if (id !== undefined) this.#headers = { ...this.#headers, "mcp-session-id": id };
    return bytes;
  }

  async end(): Promise<void> {
    this.#conn.close();
    const url = `http://127.0.0.1:${this.#target.port}${this.#target.path}`;
    const answer = await fetch(url, { method: "DELETE", headers: this.#headers });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`want a session of port ${this.#target.port} ended, found ${answer.status}`);
  }
}

async function sessionWith(peer: Peer): Promise<Session> {
  if ("command" in peer) return new PipedServer(peer.command);
  return new ProxiedSession(await RawConnection.open(peer.target), peer);
}

/** @throws Error if an answer is shorter than it can be */
export async function stdioCalls(job: StdioCallJob): Promise<Latencies> {
  const session = await sessionWith(job.peer);
  await session.send(job.initialize);
  const micros: number[] = [];
  // Whoever started this reads the proxy's CPU time at these two moments.
  console.log("from");
  for (const until = performance.now() + job.seconds * 1000; performance.now() < until;) {
    // A number of its own for each call, as clients count them.
    const body = job.body.replace('"id":1,', `"id":${micros.length + 2},`);
    const start = performance.now();
    const bytes = await session.send(body);
    micros.push((performance.now() - start) * 1000);
    if (bytes < job.atLeast) throw new Error(`want answers of ${job.atLeast} bytes and more, found one of ${bytes}`);
  }
  console.log("until");
  await session.end();
  return summary(micros);
}

export async function stdioOpens(job: StdioOpenJob): Promise<StdioOpened[]> {
  const opened: StdioOpened[] = [];
  for (const parallel of job.passes) opened.push(await openAndEnd(job, parallel));
  return opened;
}

async function openAndEnd({ peer, initialize, count }: StdioOpenJob, parallel: number): Promise<StdioOpened> {
  const micros: number[] = [];
  const sessions: Session[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const start = performance.now();
      const session = await sessionWith(peer);
      sessions.push(session);
      await session.send(initialize);
      micros.push((performance.now() - start) * 1000);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: parallel }, work));
  const perSecond = count / ((performance.now() - start) / 1000);
  await Promise.all(sessions.map((session) => session.end()));
  return { ...summary(micros), perSecond };
}
