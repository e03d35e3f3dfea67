// The real machine behind a command: files, terminal, clock, randomness, signals of this process.
import { dirname } from "node:path";
import type { Machine, SignalName } from "./command.ts";

function writer(stream: { writeSync(bytes: Uint8Array): number }): (text: string) => void {
  const encoder = new TextEncoder();
  return (text) => {
    let bytes = encoder.encode(text);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
    } catch (error) {
      // `signet help | head` closes the pipe: nobody is left to tell.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  };
}

function onSignal(signal: SignalName, handler: () => void): () => void {
  try {
    Deno.addSignalListener(signal, handler);
  } catch {
    return () => {}; // Windows lacks some.
  }
  return () => Deno.removeSignalListener(signal, handler);
}

async function checkWritable(path: string): Promise<void> {
  // Only the folder is tried: opening the file itself is what must not happen.
  const found = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  if (found?.isDirectory) throw new Deno.errors.IsADirectory(path);
  await Deno.remove(await Deno.makeTempFile({ dir: dirname(path), prefix: ".signet-" }));
}

/**
 * Past any HTTP_PROXY: what is asked stands on this machine or beside it, and the admin token is nobody else's business.
 * An https URL keeps to the proxy, which sees nothing of it.
 */
async function fetchDirectly(url: string, init: RequestInit): Promise<Response> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "http:") return await fetch(url, init);
  // The one way to say so for one request: a "proxy" that is the server itself, spoken to as a server.
  using client = Deno.createHttpClient({
    proxy: { transport: "tcp", hostname, port: Number(port) || 80 },
  });
  const response = await fetch(url, { ...init, client });
  const body = await response.arrayBuffer();
  const { status, headers } = response;
  return new Response(body.byteLength === 0 ? null : body, { status, headers });
}

export function thisMachine(loadApp: Machine["loadApp"]): Machine {
  return {
    env: Deno.env.toObject(),
    stdout: writer(Deno.stdout),
    stderr: writer(Deno.stderr),
    stdoutIsTerminal: Deno.stdout.isTerminal(),
    stderrIsTerminal: Deno.stderr.isTerminal(),
    readTextFile: (path) => Deno.readTextFile(path),
    fileMode: async (path) => (await Deno.stat(path)).mode,
    checkWritable,
    readStdin: () => new Response(Deno.stdin.readable).text(),
    now: Date.now,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    fetch: fetchDirectly,
    onSignal,
    openState: async (path) => (await import("../store/sqlite.ts")).openSqliteStore(path),
    loadApp,
  };
}
