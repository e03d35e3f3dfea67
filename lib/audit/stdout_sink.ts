// An audit log on standard output, for a collector that keeps it: lines of the log itself go to standard error.
import { writeStdout } from "../platform/process/output.ts";
import type { AuditSink } from "./sink.ts";

export class StdoutSink implements AuditSink {
  readonly kind = "stdout";

  write(bytes: Uint8Array): Promise<number> {
    return writeStdout(bytes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
