// What a stateless client brings back to its server, taken out of its seals: the state of a request, ids of tasks, a place
// in a list (docs/protocol.md 33, 34). The request then goes on with the server's own values, byte for byte.
import type { FieldList } from "../../../http1/types.ts";
import { fieldValue, OF_THE_BYTES } from "../../../http1/wire/fields/fields.ts";
import { type CarriedMember, carriesOf } from "../../../mcp/carried/carried_members.ts";
import { encodeHeaderValue } from "../../../mcp/eras/header_value.ts";
import { foldedName } from "../../../mcp/json/folded_name.ts";
import { type Change, spliced } from "../../../mcp/json/json_splice.ts";
import { findMember, type Member, membersLike, type Span } from "../../../mcp/json/json_text.ts";
import { elementsIn, isArrayAt, isObjectAt } from "../../../mcp/messages/json_places.ts";
import type { RpcNotification, RpcRequest } from "../../../mcp/messages/json_rpc.ts";
import { invalid } from "../../../mcp/messages/message_shape.ts";
import { parseJson } from "../../../platform/json.ts";
import type { Caller } from "../../../session/caller.ts";
import type { GatewayParts } from "../../parts.ts";
import { removeField, setField } from "../fields/fields.ts";
import { Carriage, refusalOf } from "./carriage.ts";

/** A request as its client has sent it. */
export interface Brought {
  readonly message: RpcRequest | RpcNotification;
  readonly body: Uint8Array;
  readonly caller: Caller;
}

/** A request as its server is to have it. */
export interface BroughtBack {
  readonly body: Uint8Array;
  /** What its answer is sealed by; undefined where that goes as it is. */
  readonly carriage: Carriage | undefined;
}

const TAKEN: readonly CarriedMember[] = ["requestState", "taskId", "cursor"];

const decoder = new TextDecoder();

/**
 * Opens what the request brings, and puts it into its body and its fields.
 * @throws SignetError `carried_refused`; `invalid_request` for a member that two servers would read differently
 */
export function bringBack(
  parts: GatewayParts,
  { message, body, caller }: Brought,
  fields: FieldList,
): BroughtBack {
  const carries = parts.options.sealState && message.kind === "request" ? carriesOf(message.method) : undefined;
  if (message.kind !== "request" || carries === undefined) {
    return { body, carriage: undefined };
  }
  // What has to be read is asked for as it is read.
  setField(fields, "accept-encoding", "identity");
  const params = message.params === undefined ? undefined : findMember(body, "params");
  const carriage = new Carriage(parts, { caller, request: message, text: body, params, carries });
  if (params === undefined) return { body, carriage };
  const members = membersLike(body, WANTED, params);
  if (members.length === 0) return { body, carriage };
  const opened = openAll({ message, body, members, carriage, fields });
  if (opened.length === 0) return { body, carriage };
  for (const name of OF_THE_BYTES) removeField(fields, name);
  return { body: spliced(body, opened), carriage };
}

/** Names of members of `params` that are looked at. */
const WANTED: readonly string[] = [...TAKEN, "notifications"];

interface Opening {
  readonly message: RpcRequest | RpcNotification;
  readonly body: Uint8Array;
  /** Those of `params` whose names could be taken for one that is looked at. */
  readonly members: readonly Member[];
  readonly carriage: Carriage;
  readonly fields: FieldList;
}

function openAll(opening: Opening): Change[] {
  const { message, body, members, carriage, fields } = opening;
  const opened: Change[] = [];
  for (const wanted of TAKEN) {
    if (!isTakenBy(wanted, message.method, carriage)) continue;
    const found = only(members, wanted);
    if (found === undefined || isNull(body, found.value)) continue;
    const token = carriage.open(wanted, found.value);
    opened.push({ span: found.value, value: token });
    // Headers and body have been compared, while both were the client's.
    if (wanted === "taskId" && fieldValue(fields, "mcp-name") !== undefined) {
      setField(fields, "mcp-name", nameOf(token));
    }
  }
  if (message.method === "subscriptions/listen") opened.push(...openTaskIds(opening));
  return opened.sort((a, b) => a.span.start - b.span.start);
}

function isTakenBy(member: CarriedMember, method: string, { carries }: Carriage): boolean {
  if (member === "requestState") return carries.state;
  return member === "cursor" ? carries.cursor : method.startsWith("tasks/");
}

/** Those of a subscription. */
function openTaskIds({ body, members, carriage }: Opening): Change[] {
  const filter = only(members, "notifications")?.value;
  if (!isObjectAt(body, filter)) return [];
  const ids = only(membersLike(body, ["taskIds"], filter), "taskIds");
  if (ids === undefined || isNull(body, ids.value)) return [];
  if (!isArrayAt(body, ids.value)) throw refusalOf("task", "shape");
  return elementsIn(body, ids.value)
    .map((span) => ({ span, value: carriage.open("taskId", span) }));
}

/**
 * The member of this name, if there is one.
 * @throws SignetError `invalid_request` if it stands there twice, or in another case: servers differ in which they read
 */
function only(members: readonly Member[], wanted: string): Member | undefined {
  if (members.length === 1 && members[0]!.name === wanted) return members[0];
  const folded = foldedName(wanted);
  const alike = members.filter(({ name }) => name.length === wanted.length && foldedName(name) === folded);
  if (alike.length > 1 || (alike.length === 1 && alike[0]!.name !== wanted)) {
    throw invalid(`${wanted} stands twice in one object, or in another case`);
  }
  return alike[0];
}

function isNull(text: Uint8Array, { start }: Span): boolean {
  return text[start] === 0x6e;
}

/** `Mcp-Name` of a task. */
function nameOf(token: Uint8Array): string {
  const value: unknown = parseJson(decoder.decode(token));
  return encodeHeaderValue(typeof value === "string" ? value : decoder.decode(token));
}
