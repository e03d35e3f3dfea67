// Where an audit log's bytes go.

/** One batch after the other: the next is given when the one before has settled. */
export interface AuditSink {
  /** Short, for the log and metrics: `file`, `stdout`, `syslog`. */
  readonly kind: "file" | "stdout" | "syslog";
  /**
   * Writes some of the bytes, at least one, and answers how many. They are on loan until it settles. What it throws may
   * pass: the rest is tried again.
   * @throws the system's error
   */
  write(bytes: Uint8Array): Promise<number>;
  /**
   * Opens what its name leads to now. Undefined if that is what it writes to already, or it has no name; else what takes
   * it in place of the old, once that has its last line. @throws the system's error; then it goes on with the old
   */
  openNext?(): Promise<(() => Promise<void>) | undefined>;
  /**
   * Takes back what was taken last, so that it can be written as a whole, here or in the next file.
   * @returns whether it could; it was not more than what was to be written at once
   */
  undo?(count: number): Promise<boolean>;
  /** Asked now and then: what has become of what it writes to, in a few words; undefined if nothing. */
  trouble?(): Promise<string | undefined>;
  close(): Promise<void>;
}
