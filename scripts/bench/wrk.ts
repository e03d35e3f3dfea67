// Closed-loop load by wrk: as many requests as N connections can carry. The Lua script makes wrk print one JSON line.
import { runToEnd } from "./process.ts";

export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Its JSON-RPC id 1 is replaced by a running number, so that no two calls in flight share an id. */
  readonly body: string;
  /** With several, each request takes the next: sent as Mcp-Session-Id. */
  readonly sessionIds?: readonly string[];
  /** In place of `body`: each request takes the next, one a line. */
  readonly bodies?: readonly string[];
  /** Where the script is kept while it runs. */
  readonly directory: string;
  /** What is run in place of wrk itself, around it. */
  readonly wrap?: (command: readonly string[]) => readonly string[];
}

export interface WrkResult {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Latency in µs. */
  readonly p50: number;
  readonly p99: number;
}

/** Nothing was answered at all, without an error: the machine has given somebody none of its time. */
export class StarvedError extends Error {}

/**
 * @throws StarvedError; Error if any answer was not 2xx/3xx or any connection failed: a figure with errors in it means
 * nothing
 */
export async function runWrk(options: WrkOptions): Promise<WrkResult> {
  const script = await Deno.makeTempFile({ dir: options.directory, prefix: "wrk_", suffix: ".lua" });
  const ids = await writeLines(options.sessionIds, options.directory);
  const bodies = await writeLines(options.bodies, options.directory);
  await Deno.writeTextFile(script, luaScript(options, { ids, bodies }));
  const { url, connections, seconds } = options;
  const command = [
    "wrk",
    "-t",
    "1",
    "-c",
    String(connections),
    "-d",
    `${seconds}s`,
    "--timeout",
    "10s",
    "-s",
    script,
    url,
  ];
  const output = await runToEnd(options.wrap?.(command) ?? command);
  const found = /^RESULT (.*)$/m.exec(output)?.[1];
  if (found === undefined) throw new Error(`wrk printed no result:\n${output}`);
  const { requests, micros, errors, p50, p99 } = JSON.parse(found);
  if (errors > 0) throw new Error(`${errors} of ${requests} requests to ${url} failed:\n${output}`);
  if (requests === 0) throw new StarvedError(`no request to ${url} was answered in ${seconds} s`);
  return { requests, seconds: micros / 1e6, perSecond: requests / (micros / 1e6), p50, p99 };
}

const quoted = (text: string) => `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;

interface Files {
  readonly ids: string | undefined;
  readonly bodies: string | undefined;
}

function luaScript({ headers, body }: WrkOptions, { ids, bodies }: Files): string {
  const lines = ['wrk.method = "POST"', `local body = ${quoted(body)}`, "local all, at = {}, 0"];
  for (const [name, value] of Object.entries(headers)) lines.push(`wrk.headers[${quoted(name)}] = ${quoted(value)}`);
  // The texts are made once, so that taking the next one costs wrk next to nothing.
  lines.push(
    "local function add()",
    `  wrk.body = body:gsub('"id":1,', '"id":' .. (#all + 1) .. ',', 1)`,
    "  all[#all + 1] = wrk.format()",
    "end",
    "function init(args)",
    ...(bodies !== undefined
      ? [`  for line in io.lines(${quoted(bodies)}) do body = line; add() end`]
      : ids === undefined
      ? [`  for i = 1, ${body.length > 10_000 ? 8 : 1000} do add() end`]
      : [`  for id in io.lines(${quoted(ids)}) do wrk.headers["mcp-session-id"] = id; add() end`]),
    "end",
    "function request() at = at % #all + 1; return all[at] end",
  );
  lines.push(
    "done = function(summary, latency)",
    "  local e = summary.errors",
    `  io.write(string.format('RESULT {"requests":%d,"micros":%d,"errors":%d,"p50":%.1f,"p99":%.1f}\\n',`,
    "    summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout,",
    "    latency:percentile(50), latency:percentile(99)))",
    "end",
  );
  return lines.join("\n") + "\n";
}

async function writeLines(lines: readonly string[] | undefined, directory: string): Promise<string | undefined> {
  if (lines === undefined) return undefined;
  const path = await Deno.makeTempFile({ dir: directory, prefix: "lines_" });
  await Deno.writeTextFile(path, lines.join("\n") + "\n");
  return path;
}
