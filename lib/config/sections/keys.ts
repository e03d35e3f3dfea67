// The master keys.
import { rowsOf } from "../setting.ts";
import { file } from "../values/kinds.ts";

const rows = rowsOf("Keys");

export const KEYS = {
  keyFile: rows.optional(file, {
    name: "key-file",
    doc: "One base64 key of 32 bytes a line; the first seals, all open. Read again on SIGHUP",
  }),
} as const;
