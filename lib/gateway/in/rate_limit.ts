// How often may the caller ask for this? In both lanes; what another replica has passed on was counted there
// (docs/behaviour.md G5).
import { SignetError } from "../../errors.ts";
import { type Counted, type Part, type RateBook, rateRefusal, type Taking } from "../../policy/rate_book.ts";
import type { Caller } from "../../session/caller.ts";
import type { RateOutcome } from "../../store/rates.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { resultMembers } from "../tool_result.ts";

/** Notifications that keep a conversation going: nobody is kept from them by what he has asked before. */
export const UNCOUNTED: ReadonlySet<string> = new Set([
  ...["notifications/initialized", "notifications/cancelled", "notifications/progress"],
]);

/** Whose request counts. */
interface Counting {
  readonly inbound: Inbound;
  readonly caller: Caller;
}

/** What the fast lane's message counts, once it may go. @throws SignetError `rate_limited` */
export function countPlain(parts: GatewayParts, asking: Counting): Promise<void> | undefined {
  const { inbound } = asking;
  const { subject: found } = inbound;
  if (found?.method === undefined || UNCOUNTED.has(found.method) || !countsHere(parts, inbound)) return undefined;
  plain.method = found.method;
  plain.name = found.name;
  plain.rule = inbound.allowedBy;
  const taking = parts.law.rates.takesOfOne(asking.caller.principalKey, plain);
  return taking.takes.length === 0 ? undefined : take(parts, asking, { taking, isCall: plain.method === "tools/call" });
}

/** What is looked at in the turn in which it was found, and by nobody later. */
const plain = { method: "", name: undefined as string | undefined, rule: undefined as string | undefined };

interface Costs {
  readonly counted: readonly Counted[];
  readonly part: Part;
}

/** Whether there are rates, and no other replica has counted the request already. */
function countsHere(parts: GatewayParts, { hop }: Inbound): parts is GatewayParts & { law: { rates: RateBook } } {
  return parts.law.rates !== undefined && hop === undefined;
}

/** @throws SignetError `rate_limited`; a promise only where a store has to be asked */
export function count(parts: GatewayParts, asking: Counting, { counted, part }: Costs): Promise<void> | undefined {
  if (!countsHere(parts, asking.inbound) || counted.length === 0) return undefined;
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
