// Where requests go, and what of them does not.
import { rowsOf } from "../setting.ts";
import { choice, file, headerName } from "../values/kinds.ts";
import { upstreamAddress } from "../values/upstream_address.ts";

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
  era: rows.one(choice(["auto", "sessions", "stateless"]), {
    name: "era",
    default: "auto",
    doc:
      "What the MCP server speaks: found out, or sessions only, or stateless only; clients of the other era are bridged to it",
  }),
  stripHeaders: rows.many(headerName, {
    name: "strip-header",
    doc: "A request header that is never passed on from outside; --principal-header is always one",
  }),
} as const;
