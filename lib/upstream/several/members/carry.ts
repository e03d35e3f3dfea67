// What of a client's request reaches a member (docs/behaviour.md A8, docs/protocol.md 21): of its own accord nothing but a
// trace and a language. What an operator has named goes too; a credential only where he has said so.
import type { FieldList, Fields } from "../../../http1/types.ts";
import { plainName } from "../../../http1/wire/fields/field_spelling.ts";

const ALWAYS = ["traceparent", "tracestate", "baggage", "accept-language"];
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];
/** Of the message or the connection: the peer writes its own. */
const OF_THE_MESSAGE =
  /^(accept|accept-encoding|connection|content-.*|expect|host|keep-alive|last-event-id|mcp-.*|origin|referer|te|trailer|transfer-encoding|upgrade|sec-.*|access-control-.*)$/;

export interface CarrierRule {
  /** Whether the client's own credential goes to it, with whatever else the client sends. */
  readonly client: boolean;
  /** Names of fields that sessions seal or remember, or that Signet itself adds, in lower case. */
  readonly names: readonly string[];
}

/** The rule as a function that gives a list of its own. */
export function carrierRule({ client, names }: CarrierRule): (fields: Fields) => FieldList {
  const wanted = [...ALWAYS, ...names].map((name) => plainName(name.toLowerCase()));
  const passing = new Set(wanted.filter((name) => !CREDENTIALS.includes(name)));
  // Arguments that a stateless server wants in headers too: nothing that its request does not say as well.
  const passes = remembering((name) =>
    name.startsWith("mcp-param-") || (client ? !OF_THE_MESSAGE.test(name) : passing.has(plainName(name)))
  );
  return (fields) => {
    const carried: FieldList = [];
    for (let i = 0; i < fields.length; i += 2) if (passes(fields[i]!)) carried.push(fields[i]!, fields[i + 1]!);
    return carried;
  };
}

const MAX_REMEMBERED = 256, MAX_NAME_LENGTH = 64;

/** The same verdict for the same name, found out once: nearly all requests have the same fields. */
function remembering(judge: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    const verdict = known.get(name);
    if (verdict !== undefined) return verdict;
    const found = judge(name);
    if (known.size < MAX_REMEMBERED && name.length <= MAX_NAME_LENGTH) known.set(name, found);
    return found;
  };
}
