// Collecting garbage where a test wants it.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Everything that nobody holds is gone behind it, but for what this very turn has touched. */
export function collect(): void {
  setFlagsFromString("--expose-gc");
  const collecting: () => void = runInNewContext("gc");
  collecting();
}
