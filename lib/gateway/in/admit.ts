// May the caller ask for this, and so often? Rules first, then rates, in both lanes: by what was found before in the fast
// one, which leaves to the full one whatever has to be looked at (docs/behaviour.md G4, G5).
import { SignetError } from "../../errors.ts";
import { elementsOf } from "../../mcp/json/json_text.ts";
import { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { MAX_SHOWN, shortened } from "../../observe/shortened.ts";
import { readArguments, readsAlike } from "../../policy/arguments.ts";
import type { ReadsOfArguments } from "../../policy/expression_reads.ts";
import type { ToolHints } from "../../policy/hints.ts";
import type { Policy } from "../../policy/policy.ts";
import { type Counted, type Part, type RateBook, rateRefusal, type Taking } from "../../policy/rate_book.ts";
import { type Asked, askedIn, type Subject, subjectOf } from "../../policy/subject.ts";
import type { Verdict } from "../../policy/verdict.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import type { RateOutcome } from "../../store/rates.ts";
import type { Inbound } from "../inbound.ts";
import { listsOf } from "../law.ts";
import { learnTools } from "../out/learn_tools.ts";
import type { GatewayParts } from "../parts.ts";
import { isStateless, resultMembers } from "../tool_result.ts";

/** A request that asks to be let through. */
export interface Asking {
  readonly inbound: Inbound;
  readonly caller: Caller;
  /** Undefined where it is about none. */
  readonly session: Session | undefined;
}

/** The same, read whole. */
export interface Admitting extends Asking {
  readonly body: Uint8Array;
}

/** Notifications that keep a conversation going: nobody is kept from them by what he has asked before. */
const FREE: ReadonlySet<string> = new Set([
  ...["notifications/initialized", "notifications/cancelled", "notifications/progress"],
]);

/** Whether the rules let a plain message through by what they have found before: the fast lane's half. */
export function isAllowedBefore(parts: GatewayParts, { inbound, caller, session }: Asking): boolean {
  const { law } = parts;
  if (law.policy === undefined) return true;
  const { subject: found } = inbound;
  if (found?.method === undefined) return true; // a client's answer to the server
  const subject = subjectOf(found.method, found);
  if (subject === undefined) return false;
  const hints = hintsFor(parts, subject, { inbound, caller, session });
  const verdict = law.policy.recall(caller.principal, subject, hints);
  if (verdict?.ruling !== "allowed") return false;
  inbound.allowedBy = verdict.rule;
  return true;
}

/** What the fast lane's message counts, once it may go. @throws SignetError `rate_limited` */
export function countPlain(parts: GatewayParts, asking: Counting): Promise<void> | undefined {
  const { inbound } = asking;
  const { subject: found } = inbound;
  if (found?.method === undefined || FREE.has(found.method) || !counts(parts, inbound)) return undefined;
  plain.method = found.method;
  plain.name = found.name;
  plain.rule = inbound.allowedBy;
  const taking = parts.law.rates.takesOfOne(asking.caller.principalKey, plain);
  return taking.takes.length === 0 ? undefined : take(parts, asking, { taking, isCall: plain.method === "tools/call" });
}

/** What is looked at in the turn in which it was found, and by nobody later. */
const plain = { method: "", name: undefined as string | undefined, rule: undefined as string | undefined };

/**
 * Asks rules and rates for all that a body wants.
 * @returns false if it is to be dropped: notifications that are not allowed, which get no answer
 * @throws SignetError `rule_denied`, `method_denied`, `insufficient_scope`, `rate_limited`
 */
export async function admit(parts: GatewayParts, admitting: Admitting): Promise<boolean> {
  const { law } = parts;
  const { inbound } = admitting;
  if (!law.governs || inbound.parsed === undefined) return true;
  const asked = askedIn(inbound.parsed);
  let part: Part = "all";
  const learn = async () => {
    // What rates refuse asks nobody anything.
    if (part === "all") await count(parts, admitting, { counted: countedOf(asked), part: "ahead" });
    part = "rest";
    await learnTools(parts, admitting);
  };
  const judged = law.policy === undefined ? [] : await judgeAll(law.policy, parts, { ...admitting, learn }, asked);
  if (judged.some(({ verdict }) => verdict.ruling !== "allowed")) {
    if (asked.every(({ id }) => id === undefined)) return false;
    throw refusalOf(parts, inbound, judged);
  }
  await count(parts, admitting, { counted: countedOf(asked, judged), part });
  return true;
}

/** @param judged undefined as long as no rule has allowed anything */
function countedOf(asked: readonly Asked[], judged?: readonly Judged[]): Counted[] {
  return asked.map(({ method, subjects }, at): Counted => ({
    method,
    name: subjects?.[0]?.name,
    rule: judged?.[at]?.verdict.rule,
  })).filter(({ method }) => !FREE.has(method));
}

/** One message, and what becomes of it. */
interface Judged {
  readonly asked: Asked;
  readonly subject: Subject | undefined;
  readonly verdict: Verdict;
  /** Why its arguments could not be judged. */
  readonly unreadable: string | undefined;
}

/** What it takes to judge. */
interface Judging extends Admitting {
  /** Finds out what the server says of its tools. @throws SignetError, HttpError */
  readonly learn: () => Promise<void>;
}

const UNREADABLE: Verdict = { ruling: "denied", rule: undefined, scopes: [] };

async function judgeAll(
  policy: Policy,
  parts: GatewayParts,
  admitting: Judging,
  asked: readonly Asked[],
): Promise<Judged[]> {
  const { inbound, body } = admitting;
  const texts = inbound.parsed?.kind === "batch" ? messagesIn(body, inbound) : [body];
  const judged: Judged[] = [];
  for (const [at, one] of asked.entries()) {
    judged.push(await judgeOne(policy, parts, { ...admitting, body: texts[at]! }, one));
  }
  return judged;
}

/** The texts of those messages of a batch that ask for something. */
function messagesIn(body: Uint8Array, { parsed }: Inbound): Uint8Array[] {
  const messages = parsed?.kind === "batch" ? parsed.messages : [];
  return elementsOf(body).filter((_, at) => messages[at]?.kind !== "response")
    .map(({ start, end }) => body.subarray(start, end));
}

async function judgeOne(
  policy: Policy,
  parts: GatewayParts,
  admitting: Judging,
  asked: Asked,
): Promise<Judged> {
  const isClear = asked.method !== "subscriptions/listen" || readsAlike(admitting.body, "notifications");
  if (asked.subjects === undefined || !isClear) {
    return { asked, subject: undefined, verdict: UNREADABLE, unreadable: undefined };
  }
  let allowed: Judged | undefined;
  for (const subject of asked.subjects) {
    let unreadable: string | undefined;
    const args = (wanted: ReadsOfArguments) => {
      try {
        return readArguments(admitting.body, wanted);
      } catch (fault) {
        unreadable = (fault as Error).message;
        throw fault;
      }
    };
    const judge = () =>
      policy.judge(admitting.caller.principal, subject, { hints: hintsFor(parts, subject, admitting), args });
    let verdict = judge();
    if (verdict.ruling === "unknown") {
      await admitting.learn();
      verdict = judge();
    }
    const one = { asked, subject, verdict, unreadable };
    if (verdict.ruling !== "allowed") return one;
    allowed ??= one;
  }
  return allowed ?? { asked, subject: undefined, verdict: UNREADABLE, unreadable: undefined };
}

function hintsFor({ law, now }: GatewayParts, subject: Subject, asking: Asking): ToolHints | undefined {
  if (subject.kind !== "tool" || law.policy?.reads.hints !== true) return undefined;
  return law.hints.find(listsOf(asking), subject.name, now());
}

function refusalOf(parts: GatewayParts, inbound: Inbound, judged: readonly Judged[]): SignetError {
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
    found: found.slice(0, MAX_SHOWN),
    ...(unreadable === undefined ? {} : { reason: `the arguments ${unreadable}` }),
  };
}

type Counting = Pick<Asking, "inbound" | "caller">;

interface Costs {
  readonly counted: readonly Counted[];
  readonly part: Part;
}

/** What another replica has passed on it has counted. */
function counts(parts: GatewayParts, { hop }: Inbound): parts is GatewayParts & { law: { rates: RateBook } } {
  return parts.law.rates !== undefined && hop === undefined;
}

/** @throws SignetError `rate_limited`; a promise only where a store has to be asked */
function count(parts: GatewayParts, asking: Counting, { counted, part }: Costs): Promise<void> | undefined {
  if (!counts(parts, asking.inbound) || counted.length === 0) return undefined;
  const taking = parts.law.rates.takesOf(asking.caller.principalKey, counted, part);
  const isCall = counted.length === 1 && counted[0]!.method === "tools/call";
  return taking.takes.length === 0 ? undefined : take(parts, asking, { taking, isCall });
}

/** What a request takes, of whatever it consists. */
interface Wanted {
  readonly taking: Taking;
  /** Whether it is one call of a tool. */
  readonly isCall: boolean;
}

function take(parts: GatewayParts, asking: Counting, wanted: Wanted): Promise<void> | undefined {
  const { law, now } = parts;
  const outcome = law.counts.take(wanted.taking.takes, now());
  if (outcome instanceof Promise) return takeBehind(outcome, parts, asking, wanted);
  if (!outcome.allowed) throw limitRefusal(parts, asking, wanted, outcome);
  return undefined;
}

async function takeBehind(
  taken: Promise<RateOutcome>,
  parts: GatewayParts,
  asking: Counting,
  wanted: Wanted,
): Promise<void> {
  const outcome = await taken;
  if (!outcome.allowed) throw limitRefusal(parts, asking, wanted, outcome);
}

function limitRefusal(
  { law }: GatewayParts,
  { inbound }: Counting,
  { taking, isCall }: Wanted,
  outcome: RateOutcome,
): SignetError {
  const limit = taking.limits[outcome.at]!;
  const { retryAfterS, text, fields } = rateRefusal(limit, outcome);
  law.limited.inc(limit.per);
  return new SignetError("rate_limited", {
    publicMessage: text,
    fields,
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
    facts: { what: `requests per ${limit.per}`, limit: limit.rate.id },
    ...(isCall && inbound.rpcId !== null ? { asToolResult: resultMembers(inbound) } : {}),
  });
}
