// `members:` of the configuration file: each of several servers with all that is said of it in one place. What is written
// there is given for the settings that flags have for it (`--upstream`, `--member-credential`, `--allow-tool` …), which judge
// it as they judge their own; nothing can be said here that could not be said there.
import type { Node } from "yaml";
import { closest } from "../closest.ts";
import type { GivenText } from "../given.ts";
import type { SettingKey } from "../schema.ts";

type Yaml = typeof import("./yaml.ts");

export interface MembersReading {
  readonly yaml: Yaml;
  /** What an alias stands for; anything else itself. */
  readonly resolve: (node: Node | null | undefined) => Node | null | undefined;
  readonly at: (node: Node, name: string) => string;
  readonly give: (key: SettingKey, text: GivenText) => void;
  readonly report: (place: string, problem: string, remedy: string) => void;
}

/** A member as it is read: its name, and where it stands. */
interface Named {
  readonly name: string;
  readonly place: string;
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;
const NAME_REMEDY = "Name it by a letter and at most 31 letters, digits, _ and - behind it.";

/** A pattern each, in the member's own words. */
const PATTERNS: Readonly<Record<string, SettingKey>> = {
  "allow-tool": "allowTools",
  "deny-tool": "denyTools",
  "allow-prompt": "allowPrompts",
  "deny-prompt": "denyPrompts",
  "allow-resource": "allowResources",
  "deny-resource": "denyResources",
};
/** Tools by their own names. */
const TEXTS: Readonly<Record<string, SettingKey>> = { "rename-tool": "renameTools", "describe-tool": "describeTools" };
/** One value, behind the member's name. */
const VALUES: Readonly<Record<string, SettingKey>> = { credential: "memberCredentials", timeout: "memberTimeouts" };
const OF_ADDRESS = ["url", "command", "required"] as const;
const KNOWN = ["name", ...OF_ADDRESS, ...Object.keys(VALUES), ...Object.keys(PATTERNS), ...Object.keys(TEXTS)];

/** All settings that `members:` may give. */
export const KEYS_OF_MEMBERS: readonly SettingKey[] = [
  "upstreams",
  ...[VALUES, PATTERNS, TEXTS].flatMap((keys) => Object.values(keys)),
];

/** A mapping of names to members, or a list of members with names. */
export function readMembers(node: Node | null | undefined, place: string, by: MembersReading): void {
  const { yaml, resolve, at, report } = by;
  const given = resolve(node);
  if (yaml.isMap(given)) {
    for (const { key, value } of given.items) {
      const name = yaml.isScalar(key) ? String(key.value) : "";
      readMember({ name, place: at(key as Node, `members.${name}`) }, value as Node | null, by);
    }
  } else if (yaml.isSeq(given)) {
    for (const item of given.items as Node[]) {
      const member = resolve(item);
      const name = yaml.isMap(member) ? member.get("name") : undefined;
      const called = typeof name === "string" ? name : "";
      readMember({ name: called, place: at(item, `members.${called}`) }, item, by);
    }
  } else report(place, "there is no mapping of names to servers", "Write `members: {NAME: {url: URL}, …}`.");
}

function readMember(member: Named, node: Node | null, by: MembersReading): void {
  const { name, place } = member;
  const { yaml, resolve, report } = by;
  if (!NAME.test(name)) return report(place, "this is no name for a server", NAME_REMEDY);
  const given = resolve(node);
  if (!yaml.isMap(given)) return report(place, "there is no mapping", `Write \`${name}: {url: URL}\`.`);
  readAddress(member, (key) => resolve(given.get(key, true) as Node | undefined), by);
  for (const { key, value } of given.items) {
    const called = yaml.isScalar(key) ? String(key.value) : "";
    const of = { name, place: by.at(key as Node, `members.${name}.${called}`) };
    const own = resolve(value as Node | null);
    if (Object.hasOwn(VALUES, called)) giveOne(VALUES[called]!, of, own, by);
    else if (Object.hasOwn(PATTERNS, called)) givePatterns(PATTERNS[called]!, of, own, by);
    else if (Object.hasOwn(TEXTS, called)) giveTexts(TEXTS[called]!, of, own, by);
    else if (!KNOWN.includes(called)) {
      const near = closest(called.replaceAll("_", "-"), KNOWN);
      const remedy = near === undefined
        ? `Leave it out; a server has ${KNOWN.slice(1).join(", ")}.`
        : `Did you mean ${near}?`;
      report(of.place, "a server has no such setting", remedy);
    }
  }
}

function readAddress(
  { name, place }: Named,
  get: (key: typeof OF_ADDRESS[number]) => Node | null | undefined,
  by: MembersReading,
): void {
  const { give, report } = by;
  const [url, command, required] = [get("url"), get("command"), get("required")];
  if ((url === undefined) === (command === undefined)) {
    const found = url === undefined
      ? "neither an address nor a command is given"
      : "both an address and a command are given";
    return report(place, found, "Write url: URL, or command: [COMMAND, ARG, …].");
  }
  const isRequired = required === undefined ? false : by.yaml.isScalar(required) ? required.value : undefined;
  if (typeof isRequired !== "boolean") {
    return report(place, "required is neither true nor false", "Write true or false.");
  }
  const address = url === undefined ? commandText(command, by) : textOf(url, by);
  if (address === undefined) {
    const wanted = url === undefined ? "command: [COMMAND, ARG, …], no word with both kinds of quotes" : "url: URL";
    return report(
      place,
      `${url === undefined ? "the command is no list of words" : "the address is no text"}`,
      `Write ${wanted}.`,
    );
  }
  give("upstreams", { text: `${name}${isRequired ? "!" : ""}=${address}`, place, isItem: true });
}

/** Word by word, as `--upstream` takes a command. */
function commandText(node: Node | null | undefined, { yaml, resolve }: MembersReading): string | undefined {
  if (!yaml.isSeq(node) || node.items.length === 0) return undefined;
  const words = node.items.map((item) => {
    const word = resolve(item as Node);
    const text = yaml.isScalar(word) && word.value !== null ? String(word.value) : undefined;
    if (text === undefined || (text.includes('"') && text.includes("'"))) return undefined;
    return text.includes('"') ? `'${text}'` : `"${text}"`;
  });
  return words.includes(undefined) ? undefined : `stdio:${words.join(" ")}`;
}

/** As it is written: YAML reads 010 as 10. */
function textOf(node: Node | null | undefined, { yaml }: MembersReading): string | undefined {
  if (!yaml.isScalar(node) || node.value === null) return undefined;
  return typeof node.value === "string" ? node.value : node.source ?? String(node.value);
}

function giveOne(key: SettingKey, { name, place }: Named, node: Node | null | undefined, by: MembersReading): void {
  const text = textOf(node, by);
  if (text === undefined) return by.report(place, "there is no value", "Write a value, or leave the line out.");
  by.give(key, { text: `${name}=${text}`, place, isItem: true });
}

function givePatterns(
  key: SettingKey,
  { name, place }: Named,
  node: Node | null | undefined,
  by: MembersReading,
): void {
  const items = by.yaml.isSeq(node) ? (node.items as Node[]).map((item) => by.resolve(item)) : [node];
  const texts = items.map((item) => textOf(item, by));
  const unread = texts.length === 0 || texts.some((text) => text === undefined || text === "");
  if (unread) return by.report(place, "there is no pattern", "Write a list of patterns, such as [create_*, delete_*].");
  for (const text of texts) by.give(key, { text: `${name}/${text}`, place, isItem: true });
}

function giveTexts(key: SettingKey, { name, place }: Named, node: Node | null | undefined, by: MembersReading): void {
  const { yaml, resolve, give, report } = by;
  if (!yaml.isMap(node)) return report(place, "there is no mapping of tools to texts", "Write `{TOOL: TEXT}`.");
  for (const { key: tool, value } of node.items) {
    const [called, text] = [textOf(tool as Node, by), textOf(resolve(value as Node | null), by)];
    if (called === undefined || text === undefined) report(place, "a tool has no text", "Write `{TOOL: TEXT}`.");
    else give(key, { text: `${name}/${called}=${text}`, place, isItem: true });
  }
}
