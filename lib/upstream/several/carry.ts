// What of a client's request reaches a member (docs/behaviour.md A8, docs/protocol.md 21): of its own accord nothing but a
// trace and a language. What an operator has named goes too; a credential only where he has said so.
import type { FieldList } from "../../http1/types.ts";
import { plainName } from "../../http1/wire/field_spelling.ts";

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
export function carrierRule({ client, names }: CarrierRule): (fields: FieldList) => FieldList {
  const wanted = [...ALWAYS, ...names].map((name) => plainName(name.toLowerCase()));
  const passing = new Set(wanted.filter((name) => !CREDENTIALS.includes(name)));
  return (fields) => {
    const carried: FieldList = [];
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!;
      const passes = client ? !OF_THE_MESSAGE.test(name) : passing.has(plainName(name));
      if (passes) carried.push(name, fields[i + 1]!);
    }
    return carried;
  };
}
