// What operators deal with: state, their own access, the log.
import { rowsOf } from "../setting.ts";
import { choice, file, stateFile } from "../values/kinds.ts";

const rows = rowsOf("Operation");

export const OPERATION = {
  stateFile: rows.optional(stateFile, {
    name: "state",
    doc:
      "SQLite file that keeps revocations, session tokens and stateless clients' sessions over restarts; made if it is not there",
  }),
  adminTokenFile: rows.optional(file, {
    name: "admin-token-file",
    doc: "Token that the operators' API asks for, alone in a file; without one it answers on loopback only",
  }),
  unsafeFiles: rows.flag({
    name: "unsafe-files",
    dangerous: true,
    doc: "Trust keys, secrets, state and other files that other users own or can replace",
  }),
  logLevel: rows.one(choice(["debug", "info", "warn", "error"]), {
    name: "log-level",
    default: "info",
    doc: "Least severity that is logged",
  }),
  logFormat: rows.one(choice(["auto", "human", "json"]), {
    name: "log-format",
    default: "auto",
    doc: "auto is human on a terminal and JSON lines otherwise",
  }),
} as const;
