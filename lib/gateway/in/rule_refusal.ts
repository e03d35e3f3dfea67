// What a caller is told whom the rules do not let through (docs/behaviour.md G4): what is denied looks like what is not there.
import { SignetError } from "../../errors.ts";
import { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { shortened } from "../../observe/shortened.ts";
import type { Asked, Subject } from "../../policy/subject.ts";
import type { Verdict } from "../../policy/verdict.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { isStateless, resultMembers } from "../tool_result.ts";

/** One message, and what becomes of it. */
export interface Judged {
  readonly asked: Asked;
  readonly subject: Subject | undefined;
  readonly verdict: Verdict;
  /** Why its arguments could not be judged. */
  readonly unreadable: string | undefined;
}

/** @param judged all messages of a body, of which at least one is not allowed */
export function refusalOf(parts: GatewayParts, inbound: Inbound, judged: readonly Judged[]): SignetError {
  const refused = judged.filter(({ verdict }) => verdict.ruling !== "allowed");
  for (const { verdict, subject } of refused) {
    const { ruling } = verdict;
    const isTold = ruling === "arguments" || ruling === "scope";
    parts.law.refused.inc(isTold ? ruling : subject === undefined ? "unreadable" : "denied");
  }
  if (inbound.parsed?.kind === "batch") return batchRefusal(judged, refused);
  return oneRefusal(parts, inbound, refused[0]!);
}

function oneRefusal(parts: GatewayParts, inbound: Inbound, judged: Judged): SignetError {
  const { verdict, subject } = judged;
  if (verdict.ruling === "scope") {
    return parts.authentication.lacksScopes(verdict.scopes, factsOf(judged));
  }
  const isCall = verdict.ruling === "arguments" && subject?.method === "tools/call";
  if (subject?.kind === "method") {
    // What a stateless client asks for and is not there is 404 (docs/protocol.md 25).
    const status = isStateless(inbound) ? { status: 404 } : {};
    return new SignetError("method_denied", { publicMessage: textOf(judged), facts: factsOf(judged), ...status });
  }
  return new SignetError("rule_denied", {
    publicMessage: textOf(judged),
    facts: factsOf(judged),
    ...(isCall ? { asToolResult: resultMembers(inbound) } : {}),
  });
}

/** A batch is refused as a whole: what may go of it can be sent by itself. */
function batchRefusal(judged: readonly Judged[], refused: readonly Judged[]): SignetError {
  const batch = judged.flatMap((one) => {
    const { id } = one.asked;
    if (id === undefined) return [];
    return [
      refused.includes(one)
        ? { id, rpcCode: one.subject?.kind === "method" ? METHOD_NOT_FOUND : INVALID_PARAMS, message: textOf(one) }
        : { id, rpcCode: INVALID_REQUEST, message: "Invalid request: another message of the batch is refused" },
    ];
  });
  return new SignetError("rule_denied", { publicMessage: textOf(refused[0]!), facts: factsOf(refused[0]!), batch });
}

const WHAT = { tool: "tool", prompt: "prompt", resource: "resource" } as const;

/** What is denied looks like what is not there (MCP 2025-11-25, "Tools", Error Handling). */
function textOf({ asked, subject, verdict, unreadable }: Judged): string {
  if (subject === undefined) return `Invalid params: ${asked.method} does not name what it is about`;
  const shown = shortened(subject.name);
  if (verdict.ruling === "arguments") {
    const why = unreadable === undefined ? "these arguments are not allowed" : `the arguments ${unreadable}`;
    return `Refused by a rule: ${why} in a call of ${shown}`;
  }
  if (subject.kind === "method") return `Method not found: ${shown}`;
  return `Unknown ${WHAT[subject.kind]}: ${shown}`;
}

function factsOf({ asked, subject, verdict, unreadable }: Judged): Record<string, string> {
  const found = subject === undefined ? asked.method : `${subject.kind} ${subject.name}`;
  return {
    rule: verdict.rule ?? "default",
    found: shortened(found),
    ...(unreadable === undefined ? {} : { reason: `the arguments ${unreadable}` }),
  };
}
