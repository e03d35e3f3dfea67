// A log for tests that are not about what is logged.
import type { Logger } from "../../lib/observe/log.ts";

/** Takes everything, says nothing. */
export const SILENT_LOG: Logger = { debug() {}, info() {}, warn() {}, error() {} };
