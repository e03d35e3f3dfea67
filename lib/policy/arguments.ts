// The arguments of a call, as far as rules read them. What another reader could read differently is not read at all, and
// what is long is not looked at: a rule that needs it then refuses (docs/behaviour.md G4).
import { findMember, membersOf, namesMemberTwice, type Span } from "../mcp/json_text.ts";

/** Of claims or arguments: what a loop may meet. */
export const MOST_VALUES = 1000;

/** Of all members together that rules read, in bytes. */
export const LONGEST_ARGUMENTS = 8192;

const decoder = new TextDecoder();
const OPEN_OBJECT = 0x7b;

/** Why the arguments cannot be judged: completes "the arguments …". */
export class UnreadableArguments extends Error {
  override readonly name = "UnreadableArguments";
}

function wholeOf(text: Uint8Array): Span {
  let start = 0;
  while (start < text.length && text[start] !== OPEN_OBJECT) start++;
  return { start, end: text.length };
}

/** A member by its name; refused where another member differs from it in case only, which some servers do not see. */
function only(text: Uint8Array, name: string, within: Span): Span | undefined {
  const alike = membersOf(text, within).filter((member) => member.name.toLowerCase() === name);
  if (alike.length > 1) throw new UnreadableArguments(`are there ${alike.length} times`);
  return alike[0]?.name === name ? alike[0].value : undefined;
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
    if (new Set(names.map((name) => name.toLowerCase())).size < names.length) return true;
  }
  return Object.values(value).some(hasTwins);
}

/** Whether there is no more of it than a rule may look at. */
export function isFewValues(value: unknown): boolean {
  return countValues(value, MOST_VALUES) <= MOST_VALUES;
}

/** Whether every reader reads a member of `params` alike: neither it nor a member of it stands twice, or in another case. */
export function readsAlike(message: Uint8Array, member: string): boolean {
  const params = findMember(message, "params", wholeOf(message));
  if (params === undefined || message[params.start] !== OPEN_OBJECT) return true;
  const [found, ...others] = membersOf(message, params).filter(({ name }) => name.toLowerCase() === member);
  if (found === undefined) return true;
  if (others.length > 0 || found.name !== member) return false;
  const text = decoder.decode(message.subarray(found.value.start, found.value.end));
  return !namesMemberTwice(text) && !hasTwins(JSON.parse(text));
}

/**
 * The members of `params.arguments` that rules read.
 * @param message the text of one message that has been scanned
 * @throws UnreadableArguments
 */
export function readArguments(
  message: Uint8Array,
  wanted: ReadonlySet<string> | "all",
): Readonly<Record<string, unknown>> {
  const params = findMember(message, "params", wholeOf(message));
  const span = params === undefined || message[params.start] !== OPEN_OBJECT
    ? undefined
    : only(message, "arguments", params);
  if (span === undefined) return {};
  if (message[span.start] !== OPEN_OBJECT) throw new UnreadableArguments("are no object");
  const members = membersOf(message, span);
  const folded = members.map(({ name }) => name.toLowerCase());
  const args: Record<string, unknown> = Object.create(null);
  let bytes = 0, values = 0;
  for (const [at, { name, value }] of members.entries()) {
    if (wanted !== "all" && !wanted.has(name)) continue;
    if (folded.indexOf(folded[at]!) !== folded.lastIndexOf(folded[at]!)) {
      throw new UnreadableArguments("name a member twice, or in another case");
    }
    bytes += value.end - value.start;
    if (bytes > LONGEST_ARGUMENTS) throw new UnreadableArguments(`are longer than ${LONGEST_ARGUMENTS} bytes`);
    const text = decoder.decode(message.subarray(value.start, value.end));
    const read: unknown = JSON.parse(text);
    if (namesMemberTwice(text) || hasTwins(read)) {
      throw new UnreadableArguments("name a member twice, or in another case");
    }
    values += countValues(read, MOST_VALUES);
    if (values > MOST_VALUES) throw new UnreadableArguments(`hold more than ${MOST_VALUES} values`);
    args[name] = read;
  }
  return args;
}
