// The arguments of a call, as far as rules read them. What another reader could read differently is not read at all, and
// what is long is not looked at: a rule that needs it then refuses (docs/behaviour.md G4).
import { foldedName } from "../mcp/json/folded_name.ts";
import { findMember, type Member, membersOf, namesMemberTwice, objectIn, type Span } from "../mcp/json/json_text.ts";
import { parseJson } from "../platform/json.ts";
import type { ReadsOfArguments } from "./expression_reads.ts";

/** Of claims or arguments: what a loop may meet. */
export const MOST_VALUES = 1000;

/** Of all members together that rules read, in bytes. */
const LONGEST_ARGUMENTS = 8192;

const decoder = new TextDecoder();
const OPEN_OBJECT = 0x7b;

/** Why the arguments cannot be judged: completes "the arguments …". */
export class UnreadableArguments extends Error {
  override readonly name = "UnreadableArguments";
}

/** Of one object: more are not gone through. */
const MOST_MEMBERS = 10_000;

function fewMembers(text: Uint8Array, within: Span): Member[] {
  const members = membersOf(text, within, MOST_MEMBERS + 1);
  if (members.length > MOST_MEMBERS) throw new UnreadableArguments(`have more than ${MOST_MEMBERS} members`);
  return members;
}

/** A member by its name; refused where another member differs from it in case only, which some servers do not see. */
function only(text: Uint8Array, name: string, within: Span): Span | undefined {
  const alike = fewMembers(text, within).filter((member) => foldedName(member.name) === name);
  if (alike.length > 1) throw new UnreadableArguments(`are there ${alike.length} times`);
  if (alike.length === 1 && alike[0]!.name !== name) throw new UnreadableArguments("are named in another case");
  return alike[0]?.value;
}

/** How many values there are in it, itself included; stops beyond `most`. */
function countValues(value: unknown, most: number): number {
  if (typeof value !== "object" || value === null) return 1;
  let count = 1;
  for (const each of Object.values(value)) {
    count += countValues(each, most - count);
    if (count > most) return count;
  }
  return count;
}

/** Whether members of one object differ in case only, anywhere in it. */
function hasTwins(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value)) {
    const names = Object.keys(value);
    if (new Set(names.map(foldedName)).size < names.length) return true;
  }
  return Object.values(value).some(hasTwins);
}

/** Whether every reader reads a member of `params` alike: neither it nor a member of it stands twice, or in another case. */
export function readsAlike(message: Uint8Array, member: string): boolean {
  const params = findMember(message, "params", objectIn(message));
  if (params === undefined || message[params.start] !== OPEN_OBJECT) return true;
  const members = membersOf(message, params, MOST_MEMBERS + 1);
  if (members.length > MOST_MEMBERS) return false;
  const [found, ...others] = members.filter(({ name }) => foldedName(name) === member);
  if (found === undefined) return true;
  if (others.length > 0 || found.name !== member) return false;
  const text = decoder.decode(message.subarray(found.value.start, found.value.end));
  return !namesMemberTwice(text) && !hasTwins(parseJson(text));
}

/**
 * The members of `params.arguments` that rules read.
 * @param message the text of one message that has been scanned
 * @throws UnreadableArguments
 */
export function readArguments(message: Uint8Array, reads: ReadsOfArguments): Readonly<Record<string, unknown>> {
  const params = findMember(message, "params", objectIn(message));
  const span = params === undefined || message[params.start] !== OPEN_OBJECT
    ? undefined
    : only(message, "arguments", params);
  if (span === undefined) return {};
  if (message[span.start] !== OPEN_OBJECT) throw new UnreadableArguments("are no object");
  const members = fewMembers(message, span);
  const meant = new Set([...reads.names].map((name) => foldedName(name)));
  // Where it cannot be told which are read, none may stand twice.
  const folded = new Set(members.map(({ name }) => foldedName(name)));
  if (reads.args === "all" && folded.size < members.length) throw new UnreadableArguments(TWICE);
  requireOneSpelling(members.map(({ name }) => name), { names: reads.names, meant });
  const args: Record<string, unknown> = Object.create(null);
  let bytes = 0, values = 0;
  for (const { name, value } of members) {
    if (reads.args !== "all" && !reads.args.has(name)) continue;
    bytes += value.end - value.start;
    if (bytes > LONGEST_ARGUMENTS) throw new UnreadableArguments(`are longer than ${LONGEST_ARGUMENTS} bytes`);
    const text = decoder.decode(message.subarray(value.start, value.end));
    const read: unknown = parseJson(text);
    if (namesMemberTwice(text) || hasTwins(read)) throw new UnreadableArguments(TWICE);
    values += countValues(read, MOST_VALUES);
    if (values > MOST_VALUES) throw new UnreadableArguments(`hold more than ${MOST_VALUES} values`);
    eachObject(read, (names) => requireOneSpelling(names, { names: reads.names, meant }));
    args[name] = read;
  }
  return args;
}

const TWICE = "name a member twice, or in another case";

/** Of the names that a rule knows none may stand in another case, or twice: some servers do not see the difference. */
function requireOneSpelling(
  found: readonly string[],
  { names, meant }: { readonly names: ReadonlySet<string>; readonly meant: ReadonlySet<string> },
): void {
  const seen = new Set<string>();
  for (const name of found) {
    const folded = foldedName(name);
    if (!meant.has(folded)) continue;
    if (!names.has(name) || seen.has(folded)) throw new UnreadableArguments(TWICE);
    seen.add(folded);
  }
}

function eachObject(value: unknown, visit: (names: readonly string[]) => void): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) visit(Object.keys(value));
  for (const each of Object.values(value)) eachObject(each, visit);
}
