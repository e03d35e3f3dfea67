// What operators see and steer of this process besides the gateway: whoever has started it gives that.
import type { Explain } from "../../admin/explain_api.ts";
import type { ProcessControl } from "../../admin/process_api.ts";
import type { LogTail } from "../../observe/log_tail.ts";

export interface OperatorOptions {
  /** The last lines of the log, where somebody keeps them. */
  readonly logTail?: LogTail;
  /** Lines of the log that nobody will see, for a metric. */
  readonly droppedLines?: () => number;
  /** What the admin listener steers, besides the gateway; without it there are no such paths. */
  readonly process?: ProcessControl;
  /** What a code means, for the operators' page. */
  readonly explain?: Explain;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
