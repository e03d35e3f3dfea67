// Every event of the log in words: tests/unit/docs/explained_test.ts finds those that are logged and not here, and those
// that are here and no longer logged.
import type { Row } from "./explanation.ts";

const LIFE: Readonly<Record<string, Row>> = {
  "listening": ["Signet has started; the facts say where it listens, where it forwards and who may call.", ""],
  "beware": ["A setting works and should be known: the text says why.", "Read it once, and decide."],
  "reloaded": ["Keys, certificates and settings were read again and are in force.", ""],
  "reload refused; keys and configuration stay as they were": [
    "A reload found a problem; there is a line for each.",
    "Mend what is listed and reload again. Nobody has noticed anything.",
  ],
  "some settings change only with a restart": [
    "A reload found other values for settings that are used at the start only.",
    "Restart Signet for these to count.",
  ],
  "audit log opened": ["The audit log goes on; `head` is where it stood: number and MAC of its last line.", ""],
  "nobody will be able to verify the audit log: its key ends with this process": [
    "The chain is sealed with a key derived from the ring, and no ring is configured.",
    "Make a key with `signet keys new` and set --key-file.",
  ],
  "audit log rotated": [
    "The file had been moved away: the audit log goes on in a new one of its name. `head` is where the old one ends.",
    "",
  ],
  "audit log not rotated: it goes on in the old file": [
    "The file was moved away and a new one could not be made, or has something in it.",
    "See who else writes there. Nothing is lost: lines go to the old file.",
  ],
  "audit log closed": ["The audit log was ended in order; `head` is its last line's number and MAC.", ""],
  "audit log closed with lines unwritten": [
    "Signet had to end while what writes the audit log took nothing.",
    "Look at the disk or the collector; what is missing cannot be had any more.",
  ],
  "the new refresh token cannot be written": [
    "The authorization server has replaced the refresh token, and the file of --credential-refresh-token-file does not take the new one. " +
    "Signet goes on with it from memory.",
    "Make room, or let this user write beside the file; where it is mounted alone (EBUSY), mount its folder. It is tried again with the next renewal; a restart before that loses the token.",
  ],
  "audit log cannot be written": [
    "A disk is full, or a collector is down. Lines wait; then they are dropped or requests refused, as --audit-when-full says.",
    "Make room. It is tried again four times a second, and a line says when it works.",
  ],
  "audit log written again": ["What failed before takes lines again.", ""],
  "the audit log's file is not as it was left": [
    "It was moved or removed, cut, or somebody else has written to it while Signet runs; `found` says which.",
    "After a rotation send SIGHUP; never copytruncate. Two Signets need a file each.",
  ],
  "audit lines dropped": [
    "More lines came than could be written or wait; the audit log itself has a line with the count.",
    "See what slows its writing; with --audit-when-full wait requests wait in place of this.",
  ],
  "writing the audit log failed": ["A fault of Signet's own while writing.", "Report it with the line."],
  "request": ["A request has ended (--access-log).", ""],
  "a worker has ended: another one takes its place": [
    "One of the processes of --workers ended unasked; `signal` or `code` says how. Its connections broke; its sessions go on at the others, those of stdio servers anew.",
    "See the lines before it, and whether the machine ran out of memory. Report it if it was a fault of Signet's own.",
  ],
  "a worker has taken its place": ["All workers serve again.", ""],
  "a worker could not be started": [
    "A worker had ended, and the next one failed before it served: `cause` says why. It is tried again, more and more rarely.",
    "Mend the cause; the others serve meanwhile.",
  ],
  "a worker did not take the reload: another one takes its place": [
    "The first worker had taken keys and settings, and this one failed at them: it is ended, and the next one begins with them.",
    "See `cause`: a file may have changed between the two.",
  ],
  "a worker stands still: it is ended": [
    "A worker took connections and answered nothing, not even the process that steers it, for half a minute.",
    "See whether the machine stood still as a whole. Report it if not.",
  ],
  "a worker said": ["A worker's runtime wrote a line that is none of the log.", "Report it if the worker ended."],
  "a worker said what is no message: it is ended": [
    "Something else than Signet wrote to a worker's standard output.",
    "Report it with the lines before it.",
  ],
  "a worker's word failed": ["A fault of Signet's own between its workers.", "Report it with the line."],
  "one process serves: there are no workers here": [
    "As many workers as there are cores were asked for (--workers auto), and processes cannot share a port; `why` says what is missing.",
    "Do what `remedy` says, or leave --workers out.",
  ],
  "the condition of a rule could not be told": [
    "A rule's condition met something that is not there or of another type: it then allows nothing, and denies if it is there to deny. `rule` says which one, `reason` what it met.",
    "Ask for what may be missing with has(), as in `has(principal.claims.groups) && …`.",
  ],
  "log level set": ["The log's level was changed over the admin listener, until the next reload.", ""],
  "draining; a second signal ends at once": [
    "Signet was asked to end: not ready, nothing new, what runs may finish.",
    "",
  ],
  "a signal that changes nothing": [
    "A signal came that Signet has no use for, SIGUSR1 or SIGUSR2: as a rotation of logs sends it to other servers.",
    "Send SIGHUP after a rotation, SIGTERM for the end.",
  ],
  "drained": ["Everything had ended by itself when Signet ended.", ""],
  "drained; streams were cut": [
    "Signet has ended, and had to cut requests that took longer than --drain-timeout.",
    "Raise --drain-timeout, and the time that the orchestrator waits before it kills.",
  ],
  "asking after revocations failed": [
    "Whether something is revoked could not be told by a fault of Signet's own: it is neither gone on with nor ended.",
    "Report it with the line.",
  ],
  "draining failed": ["Ending in order failed; Signet ends all the same.", "Report it with the line."],
  "ending at once": ["A second signal came while draining.", ""],
  "stopped unasked": ["Nothing is served any more and nobody asked for it.", "Report it with the line."],
  "the program that started Signet has ended: Signet ends, too": [
    "What started Signet on somebody's behalf, npx or a task, is gone.",
    "",
  ],
  "a fault of Signet's own: it ends": [
    "A fault that nothing caught broke off what was being done: nobody can tell what state it has left, so that Signet ends for the next to begin anew.",
    "Let a supervisor restart it, and report it with the stack.",
  ],
  "a fault of Signet's own: what it was about was given up": [
    "Something that nobody waited for failed in a way nobody has thought of; nothing else is touched by it.",
    "Report it with the stack.",
  ],
  "lines of this log were dropped: nobody read them in time": [
    "Whoever reads Signet's standard error was too slow, and Signet waits for nobody.",
    "See what collects the log; a lower --log-level helps.",
  ],
  "fewer client connections than --max-connections: raise the limit of open files": [
    "The system allows fewer open files than the settings want.",
    "Raise LimitNOFILE or `ulimit -n`, or lower the setting.",
  ],
  "fewer server processes than --max-processes: raise the limit of open files": [
    "The system allows fewer open files than that many processes need.",
    "Raise LimitNOFILE or `ulimit -n`, or lower --max-processes.",
  ],
  "as many client connections as the limit of open files allows": [
    "The system allows fewer open files than the default of --max-connections needs; `max_connections` is in force.",
    "Nothing, if that is enough; else raise LimitNOFILE or `ulimit -n`.",
  ],
  "as many server processes as the limit of open files allows": [
    "The system allows fewer open files than the default of --max-processes needs; `max_processes` is in force.",
    "Nothing, if that is enough; else raise LimitNOFILE or `ulimit -n`.",
  ],
  "Signet is process 1: what an MCP server starts and leaves behind stays a zombie when it ends": [
    "In a container without an init nobody waits for orphans.",
    "Start the container with an init (docker run --init, tini).",
  ],
  "ended processes of a Signet that was killed": ["Server processes of an earlier run were found and ended.", ""],
};

const REQUESTS: Readonly<Record<string, Row>> = {
  "request refused": [
    "Signet refused a request. `code` says why, `found` and `wanted` what differs, `errorId` is what the client was told.",
    "Ask `signet explain CODE`.",
  ],
  "request failed": [
    "A request could not be served: the MCP server, an identity provider or Signet itself failed.",
    "Ask `signet explain CODE`; `cause` has the system's words.",
  ],
  "request cut: it would be refused by now": [
    "A stream or a long call was ended because its caller's right to it has ended: an expired or withdrawn credential, a revocation, a reload.",
    "The client should come again with a fresh credential.",
  ],
  "an answer could not be sealed": [
    "A server without sessions gave a state, a task's id or a cursor that is no text, or too long; its client was told −32603.",
    "Have the server give shorter ones, or set --seal-state off.",
  ],
  "call not cancelled upstream": [
    "A client cancelled a call, and the MCP server could not be told.",
    "The call may run to its end; its answer goes nowhere.",
  ],
  "handling a request failed": ["A fault of Signet's own met one request.", "Report it with the line."],
  "connections refused: there are as many as may be": [
    "Connections were turned away before they could ask anything; the line counts those of a second.",
    "Raise --max-connections and the limit of open files, or add replicas.",
  ],
  "a client's TLS handshake failed": [
    "A client connected to the TLS listener and could not agree on TLS; `found` says what it did.",
    "Do what `remedy` says, at the client or with --tls-cert.",
  ],
  "admin request refused": [
    "The admin listener refused a request; `code` has the status.",
    "Ask `signet explain` for the code, such as admin_401.",
  ],
  "answering the admin listener failed": ["A fault of Signet's own on the admin listener.", "Report it with the line."],
};

const SESSIONS: Readonly<Record<string, Row>> = {
  "telemetry cannot be delivered: it is dropped": [
    "The collector takes no traces, metrics or log lines (`signal`); `fault` says what was found. Requests are not concerned.",
    "See whether the address in OTEL_EXPORTER_OTLP_ENDPOINT takes OTLP over HTTP, and whether its headers are good.",
  ],
  "telemetry is delivered again": ["The collector takes what it is sent; what was dropped meanwhile is counted.", ""],
  "session opened": ["A caller has initialized; `session` is the name it has in the log from now on.", ""],
  "session adopted": ["A session that the MCP server had given itself was claimed by its first caller (--adopt).", ""],
  "session ended": ["Its owner has deleted the session.", ""],
  "session not ended at the replica that opened it": [
    "A session was deleted where it had been brought, and the replica that opened it was not told: `found` says what was found there. If it lives, its server keeps its session until it lets go of it, and the owner, nobody else, could go on with the id there.",
    "Where replicas part often, give them a store: they hear of the end by that.",
  ],
  "session resurrected upstream": [
    "The MCP server had lost a session; it was initialized again and the waiting request repeated. The client has noticed nothing.",
    "If there are many, see why the server loses sessions.",
  ],
  "session not resurrected": [
    "A lost session could not be opened again; `outcome` says why.",
    "Ask `signet explain OUTCOME`.",
  ],
  "ending a session failed": ["What a session held could not be let go of in order.", "Report it with the line."],
  "sessions revoked": ["An operator has ended sessions; `ended` counts those that were live.", ""],
  "session token issued": ["A session token of Signet's own was issued; `token` is a hash of its id.", ""],
  "session tokens revoked": ["Session tokens of Signet's own were revoked.", ""],
  "the shared store does not answer": [
    "The store of --store is away, silent or refuses; `cause` says what was found. Ids not known here are refused with 503, callers' caps hold for each replica by itself.",
    "See whether it runs and can be reached from here; Signet goes on by itself when it is back.",
  ],
  "the shared store refuses what it is asked": [
    "The store of --store is there and refuses some of what it is asked; `cause` is its own word, told once a minute. What needs that is refused with 503, or goes on for each replica by itself.",
    "Do what `remedy` says; nothing has to be started anew.",
  ],
  "the shared store may evict revocations": [
    "The store of --store may forget keys when it is full, as `found` says, and with them what was revoked. Told when it is found to be so, and again when that has changed.",
    "Set maxmemory-policy noeviction at the store. A bound that it never reaches evicts nothing, and nobody can rely on that.",
  ],
  "the shared store has lost revocations": [
    "The store of --store was found without revocations that it had: `found` says how. Told once a minute of each kind, counted by `signet_store_losses_total`. What a running replica knows is written again; until then one that has just started may take a revoked id.",
    "Do what `remedy` says. Where replicas restarted at the same time, revoke again what may have been lost.",
  ],
  "the name of --peers leads nowhere": [
    "The name service has named no replica for several rounds, not even this one; `found` is what it said. Whom it named before stays known; requests of others' sessions are taken from and passed to nobody else.",
    "See whether the name in --peers is that of a headless service that names replicas which are not ready, too; `signet doctor` asks for it.",
  ],
  "the name of --peers leads to replicas again": ["The name service names replicas again, `count` of them.", ""],
  "another replica was found dead": [
    "Nobody answers at `peer` who is one of the replicas; `found` says what was met. Its sessions come back elsewhere.",
    "Where it lives, see what is between the two: the network, certificates (--peer-ca-file), the ring, --advertise there.",
  ],
  "another replica lives again": ["A replica that was found dead answers; `deadForS` is how long it did not.", ""],
  "the shared store answers": ["The store of --store can be asked, again or for the first time.", ""],
  "the list of revocations cannot be read": [
    "The state file does not answer: what another process revokes is not noticed meanwhile, and ids that are not in memory are refused.",
    "See the file and its disk.",
  ],
};

const CREDENTIALS: Readonly<Record<string, Row>> = {
  "credential renewed": ["The credential that Signet shows to the MCP server was renewed.", ""],
  "credential not renewed: will be tried again": ["Renewing failed for now; the old one still holds.", "See `cause`."],
  "credential refused for good": [
    "Whoever issues the credential will not renew it.",
    "Log in again and replace the refresh token or secret.",
  ],
  "credential expired": ["There is no valid credential for the MCP server any more: calls get 403.", "See `cause`."],
  "credential command says": ["A line of the credential command's standard error.", ""],
  "credential command said too much: lines left out": ["The credential command writes more than is kept.", ""],
  "the MCP server says where to log in, and clients do not get to see it": [
    "The server answers 401 with a challenge of its own, and Signet's callers are told apart in another way.",
    "Give Signet a credential for the server (--credential), or set --resource so that clients find the identity provider.",
  ],
};

const SERVERS: Readonly<Record<string, Row>> = {
  "MCP server says": ["A line of a stdio server's standard error, without what it was given as secrets.", ""],
  "MCP server said too much: lines left out": ["A stdio server writes more than the log takes.", ""],
  "MCP server restarted": ["The process of a session ended and another took its place; the session goes on.", ""],
  "MCP server ended": [
    "The process of a session ended unasked; calls in flight got an error.",
    "See its lines (`MCP server says`) and `code` or `signal`.",
  ],
  "MCP server's output discarded": [
    "A server sent what is no JSON-RPC, is too long, or answers a call nobody waits for.",
    "`found` says what it was; `remedy`, where there is one, names the setting.",
  ],
  "MCP server's event stream ended": [
    "A server of HTTP+SSE ended the stream that is its session; calls in flight got an error, the next one opens another.",
    "`fault` says how it ended; see the server's own log if that happens often.",
  ],
  "MCP server's processes cannot be ended": [
    "Processes of a stdio server survive SIGKILL, as those do that hang in the kernel.",
    "See the machine: a dead network disk, a debugger.",
  ],
  "MCP servers could not be ended": ["Signet ended before all of its server processes had.", "Look for the processes."],
  "MCP server refused a message": ["A server behind the bridge refused a notification.", ""],
  "MCP server could not be told that a session ends": [
    "A session that nobody uses any more, or that is revoked, could not be ended at a server; nobody waited for it.",
    "",
  ],
  "MCP server did not take a message": ["A notification could not be delivered to a server behind the bridge.", ""],
  "MCP server did not answer a call": [
    "A call to a server behind the bridge ended without an answer; the client got an error.",
    "See `found`, and the server's own log.",
  ],
  "MCP server has no stream to listen to": ["The server answers GET with no stream: that is its right.", ""],
  "MCP server greeted again": ["The server had lost its session; it was initialized again.", ""],
};

const SEVERAL: Readonly<Record<string, Row>> = {
  "a new session got no answer to initialize from an MCP server": [
    "One of several servers did not answer in time; the session goes on without it.",
    "See whether it is up; --member-timeout is how long it is waited for.",
  ],
  "an MCP server refused to open a session, and is left out of this one": [
    "One of several servers refused initialize.",
    "See its log; its credential is --member-credential.",
  ],
  "a session goes on without MCP servers that are not configured any more": [
    "The session was opened when there were more servers.",
    "New sessions see what is configured now.",
  ],
  "an MCP server's session id is too long to be sealed: a restart will forget it": [
    "The ids of all servers of a session must fit into one.",
    "After a restart that server is greeted again.",
  ],
  "a part of an MCP server's list was left out": [
    "A server lists more, or larger things, than is taken of one.",
    "`found` and the remedy name the bound.",
  ],
  "an MCP server was left out of a list": [
    "A server did not answer when its tools, prompts or resources were listed.",
    "Clients see the others' meanwhile; see the server's log.",
  ],
  "names were shortened to fit clients": ["Names of tools would be longer than clients take (64 characters).", ""],
};

export const EXPLAINED_EVENTS: Readonly<Record<string, Row>> = {
  ...LIFE,
  ...REQUESTS,
  ...SESSIONS,
  ...CREDENTIALS,
  ...SERVERS,
  ...SEVERAL,
};
