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
    fetch: (url, init) => fetch(url, init),
    onSignal,
    openState: async (path) => (await import("../store/sqlite.ts")).openSqliteStore(path),
    loadApp,
  };
}
