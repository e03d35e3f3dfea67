// May the caller ask for this, and so often? Rules first, then rates (rate_limit.ts), in both lanes: by what was found before
// in the fast one, which leaves to the full one whatever has to be looked at (docs/behaviour.md G4, G5).
import { elementsOf } from "../../mcp/json/json_text.ts";
import { readArguments, readsAlike } from "../../policy/arguments.ts";
import type { ReadsOfArguments } from "../../policy/expression_reads.ts";
import type { ToolHints } from "../../policy/hints.ts";
import type { Policy } from "../../policy/policy.ts";
import type { Counted, Part } from "../../policy/rate_book.ts";
import { type Asked, askedIn, type Subject, subjectOf } from "../../policy/subject.ts";
import type { Verdict } from "../../policy/verdict.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";
import { listsOf } from "../law.ts";
import { learnTools } from "../out/learn_tools.ts";
import type { GatewayParts } from "../parts.ts";
import { count, UNCOUNTED } from "./rate_limit.ts";
import { type Judged, refusalOf } from "./rule_refusal.ts";

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
  })).filter(({ method }) => !UNCOUNTED.has(method));
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
