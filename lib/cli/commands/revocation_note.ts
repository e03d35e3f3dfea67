// What `signet revoke` says besides its count, on standard error, so that a script reads the count alone: that nothing known
// ended, which may be a slip of the pen; or when it is in force, where nobody here can tell.
import type { RevocationRequest } from "../../admin/control.ts";
import { escapeUnsafe } from "../../observe/escape.ts";

/** @param ended undefined for a state file; @returns nothing where sessions have ended */
export function noteOf(request: RevocationRequest, ended: number | undefined): string | undefined {
  if (ended === undefined) return onStateFile(request);
  return ended === 0 ? nobodyEnded(request) : undefined;
}

/** A running Signet looks there ten times a second, and reports to nobody. */
function onStateFile(request: RevocationRequest): string {
  const slip = request.kind === "principal"
    ? ` Whether there is any session of ${whose(request)} is not known here.`
    : "";
  return "A Signet that runs on the state file finds it within a second. How many sessions that ends only it knows, so that " +
    `\`ended\` is null: name it with --admin, and it is asked and waited for.${slip}`;
}

function nobodyEnded(request: RevocationRequest): string {
  return `! No session was ended: ${searched(request)} is live here. ${inForce(request)}`;
}

/** What was looked for among those in memory. */
function searched(request: RevocationRequest): string {
  switch (request.kind) {
    case "principal":
      return `none of ${whose(request)}${until(request.beforeMs)}`;
    case "before":
      return `none${until(request.beforeMs)}`;
    case "all":
      return "none at all";
    // One by its hash is there, or refused.
    default:
      return "none with this id";
  }
}

function inForce(request: RevocationRequest): string {
  if (request.kind === "session") return "Its id is dead all the same, wherever it is presented.";
  const held =
    "It is in force all the same: ids issued until then stay dead, out of memory and at replicas that share " +
    "this one's store.";
  if (request.kind !== "principal") return held;
  return `${held} If somebody was meant to be ended, check the issuer and the subject: \`signet sessions --json\` ` +
    "names callers to the admin token.";
}

function whose({ issuer, subject, clientId }: Extract<RevocationRequest, { kind: "principal" }>): string {
  const client = clientId === undefined ? "" : `, client ${quoted(clientId)}`;
  return `issuer ${quoted(issuer)}, subject ${quoted(subject)}${client}`;
}

function until(beforeMs: number | undefined): string {
  return beforeMs === undefined ? "" : ` opened until ${new Date(beforeMs).toISOString()}`;
}

function quoted(text: string): string {
  return escapeUnsafe(JSON.stringify(text));
}
