// Codes besides those of lib/errors.ts: outcomes of opening an id, faults of the HTTP engine (`http` in a line), of the
// state file, of the admin listener.
import type { ExchangeEvent, ExchangeOutcome } from "../../audit/audit_line.ts";
import type { CarriedFailure } from "../../envelope/carried_value.ts";
import type { HttpErrorCode } from "../../http1/types.ts";
import type { LifeEventName } from "../../observe/observers.ts";
import type { OpenOutcome } from "../../session/registry/opener.ts";
import type { StoreErrorCode } from "../../store/store.ts";
import type { Row } from "./explanation.ts";

type Outcome =
  | Exclude<OpenOutcome, "opened" | "owner_mismatch" | "unavailable">
  | CarriedFailure
  | "ended"
  | "forged"
  | "lost_again"
  | "moved"
  | "moved_too_often"
  | "no_stream"
  | "server_gone"
  | "no_upstream"
  | "refused"
  | "too_often"
  | "version_changed";

/** Why a session is not found or was not brought back: `outcome` in the log and in metrics. */
export const EXPLAINED_OUTCOMES: Readonly<Record<Outcome, Row>> = {
  moved: [
    "The session went to another replica; the one that passed the request on finds out where.",
    "Nothing, unless it lasts.",
  ],
  server_gone: [
    "The MCP server beside the session's replica cannot be reached; the replica that passed the request on brings the session to its own.",
    "See why that server is down.",
  ],
  moved_too_often: [
    "The session went from one replica to another again and again while one request waited.",
    "See why replicas lose each other: their log, and the network between them.",
  ],
  no_stream: [
    "A message of a client of HTTP+SSE names a stream that is not open here: it has ended, or was opened at another replica.",
    "The client has to open a new stream. Behind a load balancer such a client needs to stay at one replica.",
  ],
  alphabet: ["The id has characters no id has: made up, or garbled on its way.", "See what the client sends."],
  length: ["The id has a length no id has: made up, or cut.", "See whether something cuts long header fields."],
  version: ["The id is of a format that this Signet does not know.", "Do not run an older Signet beside a newer one."],
  key: [
    "The id was sealed with a key that is not in the ring.",
    "Keep old keys behind the new one until --session-ttl has passed, and give all replicas the same. Compare `signet keys list`. An ephemeral key dies with its process.",
  ],
  tag: ["The id was altered, or made up by somebody without the key.", "If there are many, somebody is guessing."],
  shape: ["The id is genuine and holds no session.", "It was sealed for another purpose; see what the client sends."],
  expired: ["The session is older than --session-ttl.", "The client should initialize again."],
  revoked: [
    "The session was deleted by its owner, or revoked by an operator, and stays dead.",
    "The client should initialize again, if it may.",
  ],
  limit: [
    "The session is good and found no place in memory.",
    "Raise --max-sessions or --max-sessions-per-principal.",
  ],
  owner: ["What was brought back was given to another caller.", "Of many, somebody tries what is not his."],
  upstream: [
    "What was brought back was given by a server at another address.",
    "If the server has moved, its clients have to ask anew.",
  ],
  binding: [
    "What was brought back was given for another request: another tool, other arguments, another list.",
    "A client has to repeat its request as it was.",
  ],
  ended: ["The session ended while the request was on its way.", ""],
  forged: [
    "An id without a credential does not open, under --session-only.",
    "The client should authenticate or initialize.",
  ],
  lost_again: [
    "The MCP server lost the session, it was opened again, and the server lost that, too.",
    "See the MCP server's log: it may be restarting, or be several behind a load balancer that does not keep sessions.",
  ],
  no_upstream: [
    "The session leads to an MCP server that is not configured any more.",
    "If the server has moved, clients have to initialize again.",
  ],
  refused: [
    "The MCP server refuses to open a lost session again.",
    "See its log: the caller's credential may not suffice any more.",
  ],
  too_often: [
    "The session, or the caller, had lost sessions opened again as often as may be within a minute.",
    "See why the MCP server loses sessions: restarts, or several servers behind one address.",
  ],
  version_changed: [
    "The MCP server speaks another revision than when the session was opened, so that the client could not go on.",
    "The client has to initialize again.",
  ],
};

/** What the HTTP engine found, on either side: `http` in a line, `code` of signet_http_errors_total. */
export const EXPLAINED_HTTP: Readonly<Partial<Record<HttpErrorCode, Row>>> = {
  bad_request: ["A message that is no HTTP/1.1.", "TLS on a plain port, and the reverse, look like this."],
  version_unsupported: ["Another HTTP than 1.1 or 1.0.", "Let the ingress speak 1.1 to Signet."],
  client_gone: ["The client left before its answer had ended.", ""],
  aborted: ["Signet itself ended the exchange: the session ended, or it is being drained.", ""],
  no_room: [
    "As much memory as may be is held for slow clients or servers.",
    "Raise --max-buffered if there is more; see who is slow.",
  ],
  connect_failed: [
    "The server's machine refused the connection, or its name does not resolve, or TLS failed.",
    "`signet doctor` tries each step. A longer --connect-patience bridges restarts.",
  ],
  connect_timeout: [
    "Nobody answered to the attempt to connect.",
    "A firewall drops packets, or the address is wrong; else raise --connect-timeout.",
  ],
  pool_exhausted: [
    "All connections to the server are busy, and as many requests as may be wait for one.",
    "The server is too slow for its load, or --max-in-flight is too high for it.",
  ],
  upstream_closed: ["The server closed the connection before it had answered.", "Its own log should say why."],
};

type ChainEvent = `audit.${"start" | "continue" | "rotate" | "key" | "gap" | "stop"}`;
type StoreCode = `store_${StoreErrorCode}`;

/** What the state file refuses: `code` of the operators' API, and exit code 3 of commands. */
export const EXPLAINED_STORE: Readonly<Record<StoreCode, Row>> = {
  store_busy: ["Another process holds the state file for longer than is waited for.", "Try again; look for backups."],
  store_full: ["The disk is full.", "Make room: revocations that cannot be kept are refused, not forgotten."],
  store_corrupt: ["The state file is damaged.", "Restore it, or move it away: revocations in it are then forgotten."],
  store_foreign: ["The file is no state file of Signet.", "Name another with --state."],
  store_newer: ["The state file was written by a newer Signet.", "Update this one."],
  store_conflict: ["Two writers met, and one gave way.", "Try again."],
  store_closed: ["The state file has been closed: Signet is on its way out.", "Ask the next one."],
  store_io: ["The system failed to read or write the state file.", "See the disk, and the rights of the file."],
};

/** How a message, or a stream, came out: `outcome` in the audit log. */
export const EXPLAINED_ENDS: Readonly<Record<ExchangeOutcome, Row>> = {
  ok: ["The server did what was asked for."],
  tool_error: ["The tool's result says that it failed (`isError`): the server ran it.", "See the server's own log."],
  error: ["The server answered with an error, of JSON-RPC (`rpc`) or of HTTP (`status`)."],
  refused: [
    "Signet refused it; `code` says why, `rule` or `limit` by what.",
    "Ask `signet explain` for the code; `error` leads to the line of the log.",
  ],
  cut: ["It ended early; `cut` says by whom: the client, the upstream, or what ended its session."],
  answered: [
    "The answer was passed on, and how it came out could not be told: too long, in a content coding, or of a batch.",
  ],
};

/** What an exchange was: `event` in the audit log. */
export const EXPLAINED_EXCHANGES: Readonly<Record<ExchangeEvent, Row>> = {
  "tool.call": ["A tool was called; `name` says which, `outcome` how it came out."],
  "prompt.get": ["A prompt was asked for; `name` says which."],
  "resource.read": ["A resource was read; `uri` says which."],
  "request": ["Any other message; `method` says which."],
  "stream.end": ["A listening stream has ended; `cut` says by whom, if not by its client."],
  "session.delete": ["A client has ended its session (DELETE)."],
};

/** What the audit log says of itself. */
export const EXPLAINED_CHAIN: Readonly<Record<ChainEvent, Row>> = {
  "audit.start": [
    "Signet opened the log. With `killed` the one before was killed, and up to some 20 ms of lines may be lost.",
  ],
  "audit.continue": ["The chain goes on in a new file after a rotation; `prev` is what the file before it ended with."],
  "audit.rotate": ["The file ends here, and the chain goes on in the next one."],
  "audit.key": [
    "What follows is sealed with another key: the ring's first has changed.",
    "Keep the old one to verify.",
  ],
  "audit.gap": [
    "Lines are missing, `dropped` of them since `since`: the sink took nothing, and requests were served all the same.",
    "See disk, pipe or collector; with --audit-when-full wait requests are refused instead.",
  ],
  "audit.stop": ["Signet ended, and the log with it."],
};

/** What observers are told besides exchanges: `event` in the audit log. */
export const EXPLAINED_LIFE: Readonly<Record<LifeEventName, Row>> = {
  "session.open": ["A client's initialize was answered, and an id given.", ""],
  "session.resume": [
    "An id that was not in memory was opened: after a restart, on another replica, or when it had been dropped.",
    "",
  ],
  "session.end": ["A session has ended for good; `reason` says by whom or what.", ""],
  "session.leave": ["A session left memory, to make room or for being idle. Its id stays good.", ""],
  "stream.open": ["A listening stream has begun; its exchange tells of its end.", ""],
  "token.issue": ["A session token of Signet's own was issued; `token` is a hash of its id.", ""],
  "token.revoke": ["Session tokens of Signet's own were revoked; `count` says how many.", ""],
  "session.revoke": ["An operator has revoked sessions; `what` says which, `count` how many of them were live.", ""],
  "config.reload": ["Keys, certificates and settings were read again; `ok` says whether they are in force.", ""],
  "admin.refuse": [
    "Somebody asked the admin listener for what he may not have, or what is not there: the path, the status and from where.",
    "In numbers, from where nobody of yours is: the admin listener is reached by strangers. Bind it to loopback.",
  ],
  "connection.refuse": ["Connections were turned away before there was a request; `count` says how many.", ""],
};

export const EXPLAINED_OTHERS: Readonly<Record<string, Row>> = {
  tls_handshake: [
    "A client and the TLS listener did not come to terms; who connects and goes without a word is not told of.",
    "The line's `remedy` says what to do: most often the client has to be told https:// in place of http://.",
  ],
  connection_limit: [
    "Connections were turned away because there are as many as may be.",
    "Raise --max-connections and the limit of open files, or add replicas.",
  ],
  reload_refused: [
    "What is configured now is not sound: the old configuration stays in force.",
    "Mend what is listed and reload again; `signet check` tells the same.",
  ],
  admin_400: ["The admin listener did not understand a request.", "See what asks it."],
  admin_401: [
    "The operators' API wants the admin token.",
    "Give --admin-token-file with the token that Signet was started with.",
  ],
  admin_403: [
    "The admin listener refused a Host, a web page of another origin, or access beyond loopback without a token.",
    "Reach it by a loopback name, or give it a token with --admin-token-file.",
  ],
  admin_404: ["There is no such path on the admin listener, or no such thing to revoke.", ""],
  admin_405: ["The path is there and has another method.", ""],
  admin_409: ["A reload was refused; see reload_refused.", "The log lists every problem."],
  admin_413: ["A request to the admin listener was too large.", ""],
  admin_415: ["A request to the operators' API has no JSON body.", "Send Content-Type: application/json."],
  admin_429: ["As many watch over the admin listener as may, or an agent has as many tokens as it may.", ""],
  admin_500: ["A fault of Signet's own; the log has a line beside it.", "Report it."],
  admin_503: ["The state file cannot be used, or Signet is not ready.", "See the code in the answer."],
};
