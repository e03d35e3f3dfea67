// `signet.yaml` as settings: one mapping of flag names to values, YAML 1.2. Every problem has its line.
// The parser is loaded only when there is a file, because starting without one should not pay for it.
import type { Document, LineCounter, Node } from "yaml";
import type { ConfigProblem } from "../../errors.ts";
import { closest } from "../closest.ts";
import type { GivenText, Reading } from "../given.ts";
import { keyOfName, SETTING_KEYS, type SettingKey, settingOf, SETTINGS } from "../schema.ts";
import { KEYS_OF_MEMBERS, readMembers } from "./file_members.ts";
import { repeatedNames } from "./repeated_names.ts";
import { explainYaml } from "./yaml_faults.ts";

type Yaml = typeof import("./yaml.ts");

/** What clients call the servers in their own configuration. */
const NAME_IN_CLIENTS = "mcpServers";

/** In characters. Nobody writes as many: it bounds how long the parser takes, as a reload holds all else up meanwhile. */
const MAX_LENGTH = 1024 * 1024;

class FileReader {
  readonly given = new Map<SettingKey, readonly GivenText[]>();
  readonly problems: ConfigProblem[] = [];
  broken: Set<SettingKey> | "all" = new Set();
  readonly #ofMembers = new Map<SettingKey, readonly GivenText[]>();
  readonly #path: string;
  readonly #yaml: Yaml;
  readonly #lines: LineCounter;
  readonly #document: Document;
  readonly #source: string;

  constructor(path: string, text: string, yaml: Yaml) {
    this.#path = path;
    this.#source = text;
    this.#yaml = yaml;
    this.#lines = new yaml.LineCounter();
    this.#document = yaml.parseDocument(text, {
      lineCounter: this.#lines,
      // They quote the line, which may hold a secret.
      prettyErrors: false,
      logLevel: "error",
      // The parser compares each name with all others.
      uniqueKeys: false,
    });
  }

  readAll(): void {
    const { contents, errors } = this.#document;
    const faults = explainYaml(errors, repeatedNames(contents, this.#yaml), this.#source);
    for (const { offset, problem, remedy } of faults) this.#report(this.#at(offset), problem, remedy);
    if (faults.length > 0) this.broken = "all";
    if (contents === null || faults.length > 0) return;
    if (!this.#yaml.isMap(contents)) {
      this.#report(
        this.#at(0),
        "the file is not a mapping",
        "Write one `name: value` a line, for example `path: /mcp`.",
      );
      this.broken = "all";
      return;
    }
    for (const { key, value } of contents.items) {
      this.#readPair(key as Node, value as Node | null);
    }
    for (const [key, texts] of this.#ofMembers) this.given.set(key, [...this.given.get(key) ?? [], ...texts]);
  }

  /** What they give comes to what the settings themselves are given. */
  #readMembers(node: Node | null, place: string): void {
    const before = this.problems.length;
    readMembers(node, place, {
      yaml: this.#yaml,
      resolve: (one) => this.#followed(one),
      at: (one, name) => this.#at(one.range?.[0] ?? 0, name),
      give: (key, text) => void this.#ofMembers.set(key, [...this.#ofMembers.get(key) ?? [], text]),
      report: (at, problem, remedy) => this.#report(at, problem, remedy),
    });
    if (this.problems.length === before || this.broken === "all") return;
    for (const key of KEYS_OF_MEMBERS) this.broken.add(key);
  }

  #readPair(keyNode: Node, value: Node | null): void {
    const name = this.#yaml.isScalar(keyNode) ? String(keyNode.value) : "";
    const place = this.#at(keyNode.range?.[0] ?? 0, name);
    if (name === "members") return this.#readMembers(value, place);
    const key = keyOfName(name);
    if (key === undefined) return this.#reportUnknown(place, name);
    const node = this.#followed(value);
    const read = this.given.size;
    this.#readValue({ key, keyNode, name, place, node });
    if (this.given.size === read && this.broken !== "all") this.broken.add(key);
  }

  #readValue(
    pair: { key: SettingKey; keyNode: Node; name: string; place: string; node: Node | null | undefined },
  ): void {
    const { key, keyNode, name, place, node } = pair;
    if (this.#yaml.isSeq(node)) {
      if (!SETTINGS[key].repeatable) {
        return this.#report(place, "there is a list where one value is wanted", `Write \`${name}: VALUE\`.`);
      }
      // A safeguard that names nothing would be off, and look as if it were on.
      if (node.items.length === 0 && !settingOf(key).isWords) {
        return this.#report(place, "the list is empty", "Write a value, or leave the line out.");
      }
      const items = node.items.map((item) => this.#followed(item as Node) ?? item as Node);
      this.given.set(key, items.flatMap((item) => this.#text(item, name, true) ?? []));
      return;
    }
    if (this.#yaml.isMap(node)) {
      return this.#report(place, `there is a mapping where ${wantedKind(key)} is wanted`, wantedForm(key, name));
    }
    if (settingOf(key).isWords) {
      return this.#report(place, "a command is wanted as a list", `Write \`${name}: [COMMAND, ARG, …]\`.`);
    }
    const text = this.#text(node ?? keyNode, name, false, node === null || node === undefined);
    if (text !== undefined) this.given.set(key, [text]);
  }

  /** What an alias stands for. */
  #followed(node: Node | null | undefined): Node | null | undefined {
    return this.#yaml.isAlias(node) ? node.resolve(this.#document) : node;
  }

  #text(node: Node, name: string, isItem: boolean, isBlank = false): GivenText | undefined {
    const place = this.#at(node.range?.[0] ?? 0, name);
    const key = keyOfName(name);
    if (key !== undefined && settingOf(key).kind.takesMapping && this.#yaml.isMap(node)) {
      const text = this.#mapped(node);
      if (text !== undefined) return { text, place, isItem: true };
      this.#report(place, "its aliases stand for too much, or for themselves", "Write out what is meant.");
      return undefined;
    }
    if (!isBlank && this.#yaml.isScalar(node) && node.value !== null) {
      // Numbers as written: YAML reads 010 as 10.
      const text = typeof node.value === "string" ? node.value : node.source ?? String(node.value);
      return isItem ? { text, place, isItem } : { text, place };
    }
    const found = isBlank || this.#yaml.isScalar(node) ? "there is no value" : "there is a structure";
    this.#report(place, `${found} where one value is wanted`, "Write a value, or leave the line out.");
    return undefined;
  }

  /** As JSON; undefined where the parser, which counts what aliases bring in, or JSON finds no end of it. */
  #mapped(node: Node): string | undefined {
    try {
      return JSON.stringify(node.toJS(this.#document));
    } catch {
      return undefined;
    }
  }

  #reportUnknown(place: string, name: string): void {
    const near = name === NAME_IN_CLIENTS
      ? "members"
      : closest(name.replaceAll("_", "-"), [...SETTING_KEYS.map((key) => settingOf(key).name), "members"]);
    this.#suspend(near);
    const remedy = near === undefined ? "Remove it; `signet serve --help` lists all names." : `Did you mean ${near}?`;
    this.#report(place, "there is no such setting", remedy);
  }

  /** What was most likely meant is not judged as if nothing had been said: that would tell one mistake twice. */
  #suspend(name: string | undefined): void {
    if (name === undefined || this.broken === "all") return;
    const key = keyOfName(name);
    for (const one of key === undefined ? KEYS_OF_MEMBERS : [key]) this.broken.add(one);
  }

  #at(offset: number, name?: string): string {
    const line = `${this.#path}:${this.#lines.linePos(offset).line || 1}`;
    return name === undefined || name === "" || name.length > 64 ? line : `${line} (${name})`;
  }

  #report(place: string, problem: string, remedy: string): void {
    this.problems.push({ place, problem, remedy });
  }
}

function wantedKind(key: SettingKey): string {
  const { isWords, repeatable } = settingOf(key);
  return isWords || repeatable ? "a list" : "one value";
}

/** What to write instead of a structure. */
function wantedForm(key: SettingKey, name: string): string {
  const { isWords, repeatable, kind } = settingOf(key);
  const metavar = kind.metavar.replace(/^\[[^\]]*\]/, "");
  if (isWords) return `Write \`${name}: [COMMAND, ARG, …]\`.`;
  return repeatable
    ? `Write a list: \`${name}: [${metavar}, …]\`, or one \`- ${metavar}\` a line below it.`
    : `Write one value: \`${name}: ${metavar}\`.`;
}

/** Reads the text of a configuration file; `path` is for messages only. Never throws. */
export async function readConfigFile(path: string, text: string): Promise<Reading> {
  if (text.length > MAX_LENGTH) {
    const problem = `the file has ${text.length} characters, and a configuration has at most ${MAX_LENGTH}`;
    const remedy = "Leave out what is no setting, or name another file.";
    return { given: new Map(), problems: [{ place: path, problem, remedy }], broken: "all" };
  }
  const yaml = await import("./yaml.ts");
  const reader = new FileReader(path, text, yaml);
  reader.readAll();
  const { given, problems, broken } = reader;
  return { given, problems, broken };
}
