// Where requests go, and what of them does not.
import { upstreamAddress } from "../addresses.ts";
import { file, headerName } from "../kinds.ts";
import { rowsOf } from "../setting.ts";

const rows = rowsOf("Forwarding");

export const FORWARDING = {
  upstreams: rows.many(upstreamAddress, {
    name: "upstream",
    doc:
      "An MCP server behind Signet: http, https, http+unix, sse+http or sse+https for the transport of 2024-11-05, or NAME=stdio:COMMAND ARG …; of several, NAME!= marks one without which no session opens",
  }),
  upstreamCaFile: rows.optional(file, {
    name: "upstream-ca",
    doc: "PEM certificates trusted for an https upstream, besides the system's",
  }),
  stripHeaders: rows.many(headerName, {
    name: "strip-header",
    doc: "A request header that is never passed on from outside; --principal-header is always one",
  }),
} as const;
