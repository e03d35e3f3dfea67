// A program: load that wrk cannot make. `deno run -A load.ts JOB JSON` prints one line of JSON when it is done.
//   pace     see pace.ts
//   streams  N event streams held open: delay of each event
//   hold     N silent event streams held open until standard input ends
//   strangers  one call each for N sealed ids the target has never met
//   opens    initialize N times, one after the other: latencies, and the session ids
//   stdio-calls, stdio-opens  see stdio_load.ts
import { randomBytes, randomUUID } from "node:crypto";
import { parseKeyRing } from "../../lib/envelope/key_ring.ts";
import { fingerprintOwner } from "../../lib/envelope/owner_fingerprint.ts";
import { newSid, sealSession } from "../../lib/envelope/session_id.ts";
import { ISSUER, SUBJECT } from "./credentials.ts";
import { wallMs } from "./machine.ts";
import { pace } from "./pace.ts";
import { fieldOf, RawConnection, requestBytes, type Target } from "./raw_http.ts";
import { stdioCalls, stdioOpens } from "./stdio_load.ts";
import { type Latencies, summary } from "./summary.ts";

export interface StreamJob {
  readonly target: Target;
  readonly headers: Readonly<Record<string, string>>;
  /** One stream for each, in turn. */
  readonly sessionIds: readonly string[];
  readonly streams: number;
  readonly seconds: number;
}
export interface OpenJob {
  readonly target: Target;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly count: number;
}
export interface StrangerJob extends OpenJob {
  /** Key and upstream of the Signet under load: ids are sealed here as another replica would. */
  readonly keyFile: string;
  readonly upstreamUrl: string;
}
export interface Opened extends Latencies {
  readonly ids: readonly string[];
}

async function openStreams(job: StreamJob): Promise<RawConnection[]> {
  const conns: RawConnection[] = [];
  for (let index = 0; index < job.streams; index++) {
    const sessionId = job.sessionIds[index % job.sessionIds.length] ?? "";
    const conn = await RawConnection.open(job.target);
    await conn.send(requestBytes(job.target, { ...job.headers, "mcp-session-id": sessionId }));
    const head = await conn.next() ?? "";
    if (!head.startsWith("HTTP/1.1 200")) {
      throw new Error(`stream ${index} was answered ${JSON.stringify(head.slice(0, 40))}`);
    }
    conns.push(conn);
  }
  return conns;
}

/** What comes before does not count. */
const SETTLE_MS = 1000;

async function streams(job: StreamJob): Promise<Latencies> {
  const conns = await openStreams(job);
  const micros: number[] = [];
  // The first second is for everybody to settle.
  const from = wallMs() + SETTLE_MS;
  const until = from + job.seconds * 1000;
  const follow = async (conn: RawConnection): Promise<void> => {
    for (let text = await conn.next(); text !== undefined; text = await conn.next()) {
      const now = wallMs();
      for (let at = text.indexOf('"t":'); at >= 0; at = text.indexOf('"t":', at + 4)) {
        if (now >= from && now < until) micros.push((now - parseFloat(text.slice(at + 4, at + 24))) * 1000);
      }
    }
  };
  const followed = conns.map(follow);
  // Whoever started this reads the proxy's CPU time at these two moments.
  await new Promise((resolve) => setTimeout(resolve, from - wallMs()));
  console.log("from");
  await new Promise((resolve) => setTimeout(resolve, until - wallMs()));
  console.log("until");
  await new Promise((resolve) => setTimeout(resolve, 200));
  conns.forEach((conn) => conn.close());
  await Promise.all(followed);
  return summary(micros);
}

async function hold(job: StreamJob): Promise<{ open: number }> {
  const conns = await openStreams(job);
  console.log("open");
  for await (const _ of Deno.stdin.readable);
  conns.forEach((conn) => conn.close());
  return { open: conns.length };
}

async function opens(job: OpenJob): Promise<Opened> {
  const request = requestBytes(job.target, job.headers, job.body);
  const conn = await RawConnection.open(job.target);
  const micros: number[] = [];
  const ids: string[] = [];
  for (let index = 0; index < job.count; index++) {
    const start = performance.now();
    const { status, head } = await conn.exchange(request);
    micros.push((performance.now() - start) * 1000);
    const id = fieldOf(head, "mcp-session-id");
    if (status !== 200 || id === undefined) {
      throw new Error(`initialize ${index} was answered ${status} without a session`);
    }
    ids.push(id);
  }
  conn.close();
  return { ...summary(micros), ids };
}

/** What a token of the bench proves, as owner of the ids sealed here. */
const OWNER = { issuer: ISSUER, subject: SUBJECT };

async function strangers(job: StrangerJob): Promise<{ count: number }> {
  const key = parseKeyRing(await Deno.readTextFile(job.keyFile), job.keyFile).active;
  const owner = fingerprintOwner(key, OWNER);
  let left = job.count;
  const work = async (): Promise<void> => {
    const conn = await RawConnection.open(job.target);
    while (left-- > 0) {
      const issuedAtMs = Date.now();
      const id = sealSession(key, {
        sid: newSid(randomBytes),
        owner,
        issuedAtMs,
        expiresAtMs: issuedAtMs + 3_600_000,
        protocolVersion: "2025-11-25",
        clientInfo: { name: "bench-client", version: "1.0.0" },
        capabilities: { sampling: {}, roots: { listChanged: true } },
        upstreams: { [job.upstreamUrl]: { "mcp-session-id": randomUUID() } },
      });
      const { status } = await conn.exchange(
        requestBytes(job.target, { ...job.headers, "mcp-session-id": id }, job.body),
      );
      if (status !== 200) throw new Error(`a sealed id was answered ${status}, not 200`);
    }
    conn.close();
  };
  await Promise.all(Array.from({ length: 16 }, work));
  return { count: job.count };
}

if (import.meta.main) {
  const [job, json = "{}"] = Deno.args;
  const jobs: Record<string, (options: never) => Promise<unknown>> = {
    pace,
    streams,
    hold,
    opens,
    strangers,
    "stdio-calls": stdioCalls,
    "stdio-opens": stdioOpens,
  };
  const run = jobs[job ?? ""];
  if (run === undefined) throw new Error(`no such job: want one of ${Object.keys(jobs).join(", ")}`);
  console.log(
    JSON.stringify(
      await run(JSON.parse(json.startsWith("@") ? await Deno.readTextFile(json.slice(1)) : json) as never),
    ),
  );
  Deno.exit(0);
}
