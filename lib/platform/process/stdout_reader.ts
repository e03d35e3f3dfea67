// Whether anybody still reads what this process writes to standard output, known without writing: `signet tap … | head`.
// Only Bun's event loop tells, and of pipes on Linux alone; elsewhere the next write does.
import { closeSync } from "node:fs";
import { bun } from "../runtime/bun_types.ts";
import { RUNTIME } from "../runtime/runtime.ts";
import { STDOUT } from "./output.ts";
import { reopenPipe } from "./own_pipe.ts";

/** Calls `handler` once, when the last reader of the pipe behind standard output has gone; answers how to stop looking. */
export function onStdoutGone(handler: () => void): () => void {
  const pipe = RUNTIME === "bun" ? reopenPipe(STDOUT) : undefined;
  if (pipe === undefined) return () => {};
  let stopped = false;
  const stop = () => void (stopped = true);
  const close = () => {
    if (!stopped) handler();
    stop();
  };
  const nothing = () => {};
  // A pipe is watched as a socket is, whose other end is closed when nobody reads; it closes the descriptor by itself.
  bun().connect({
    fd: pipe,
    socket: { open: nothing, data: nothing, end: nothing, drain: nothing, error: nothing, close },
  })
    .then((socket) => stopped ? socket.terminate() : undefined, () => closeSync(pipe));
  return stop;
}
