// Names over several servers: `<member><separator><tool>`, one name each way, the same for ever in a session (A1, A7).
// What would not fit a client is shortened by a rule that needs no memory: the same name always gives the same short one.
import { blake3 } from "../../../envelope/blake3.ts";
import { MEMBER_NAME } from "../../../envelope/several_id.ts";

/** What clients of the large model APIs take as a tool's name. */
const FIT = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_LENGTH = 64;
const HASH_LENGTH = 8;
const encoder = new TextEncoder();

/** Whether clients take the name as it is. */
export function isFit(name: string): boolean {
  return FIT.test(name);
}

/** What a client sees. */
export function outwardName(prefix: string, name: string): string {
  const whole = prefix + name;
  if (isFit(whole) && !looksShort(name)) return whole;
  const room = MAX_LENGTH - prefix.length - HASH_LENGTH - 1;
  const kept = name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, Math.max(0, room));
  return `${prefix}${kept}-${hashOf(name)}`;
}

/** Whether only the server's list can tell what `rest`, the name behind its prefix, stands for. */
export function looksShort(rest: string): boolean {
  return /-[0-9a-f]{8}$/.test(rest);
}

function hashOf(name: string): string {
  return blake3(encoder.encode(name), HASH_LENGTH / 2).toHex();
}

/** A member to be named. */
export interface Named {
  readonly name: string;
  readonly url: string;
}

/**
 * The members in the order of all lists, by url and then by name, each under a name of its own: one that several share
 * gets a number, from 1, in every case.
 */
export function nameMembers<T extends Named>(members: readonly T[]): (T & { readonly prefixName: string })[] {
  const sorted = [...members].sort((a, b) => compare(a.url, b.url) || compare(a.name, b.name));
  const counts = new Map<string, number>();
  for (const { name } of members) counts.set(name, (counts.get(name) ?? 0) + 1);
  const given = new Map<string, number>();
  return sorted.map((member) => {
    if (counts.get(member.name) === 1) return { ...member, prefixName: member.name };
    const index = (given.get(member.name) ?? 0) + 1;
    given.set(member.name, index);
    return { ...member, prefixName: `${member.name}_${index}` };
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Two names that could be taken for each other, or one that is no name: the start of every other name behind one of
 * them could be the other. Compared without case, as the schemes of URIs are.
 */
export function clashIn(names: readonly string[], separator: string): readonly [string, string] | undefined {
  const lower = names.map((name) => name.toLowerCase());
  for (const [i, name] of names.entries()) {
    if (!MEMBER_NAME.test(name)) return [name, name];
    for (const [j, other] of names.entries()) {
      if (i !== j && (lower[i] === lower[j] || (other + separator).startsWith(name + separator))) return [name, other];
    }
  }
  return undefined;
}
