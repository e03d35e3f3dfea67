// Several MCP servers, judged as a whole (docs/behaviour.md A1, A7, A8): names that cannot be taken for each other, and
// settings that mean nothing without several.
import { MAX_MEMBERS } from "../../envelope/several_id.ts";
import { clashIn, nameMembers } from "../../upstream/several/names/names.ts";
import type { SettingKey } from "../schema.ts";
import { SEVERAL } from "../sections/several.ts";
import { type UpstreamAddress, wireOf } from "../values/upstream_address.ts";
import type { Bench, Rule } from "./rule.ts";

const SEVERAL_KEYS = Object.keys(SEVERAL) as (keyof typeof SEVERAL)[];

/** What a server is called that was given no name: its host's first label, if that is one. */
function memberNameOf({ name, hostname }: UpstreamAddress): string {
  if (name !== "") return name;
  const [label = ""] = hostname.split(".");
  return /^[A-Za-z][A-Za-z0-9-]{0,31}$/.test(label) && label !== "localhost" ? label : "server";
}

/** The servers in the order of their lists, each under the name it goes by. */
export function membersIn(upstreams: readonly UpstreamAddress[]) {
  return nameMembers(upstreams.map((upstream) => ({ ...upstream, name: memberNameOf(upstream) })));
}

/** All that the servers are called, as configured and as they go by. */
export function namesOf(members: ReturnType<typeof membersIn>): ReadonlySet<string> {
  return new Set(members.flatMap(({ name, prefixName }) => [name, prefixName]));
}

function judgeMembers({ settings, places, problem }: Bench): void {
  const { upstreams, nameSeparator } = settings;
  if (upstreams.length > MAX_MEMBERS) {
    problem("upstreams", `${upstreams.length} MCP servers are named, ${MAX_MEMBERS} is the most`, "Name fewer.");
  }
  if (upstreams.length > 1) {
    const clash = clashIn(membersIn(upstreams).map(({ prefixName }) => prefixName), nameSeparator);
    if (clash === undefined) return;
    return problem(
      "upstreams",
      `a tool of ${clash[0]} could be taken for one of ${clash[1]}`,
      `Give the two names of which none begins with the other and ${JSON.stringify(nameSeparator)}.`,
    );
  }
  for (const key of SEVERAL_KEYS.filter((key) => places.has(key))) {
    problem(
      key,
      "there is one MCP server, which is passed through as it is",
      "Leave it out, or name several --upstream.",
    );
  }
  if (upstreams[0]?.required) problem("upstreams", "the only server is required anyway", "Write NAME=URL.");
}

/** What several servers or a process speak is found out of each, when it is opened. */
function judgeEra({ settings: { era, upstreams, command }, places, problem }: Bench): void {
  if (era === "auto" || !places.has("era")) return;
  const [only, ...more] = upstreams;
  const isOne = only !== undefined && more.length === 0 && command.length === 0;
  if (isOne && only.command.length === 0 && !wireOf(only).isSse) return;
  problem("era", "it is for one MCP server over Streamable HTTP, of any other it is found out", "Leave it out.");
}

function judgeStdioMembers({ settings: { upstreams }, problem }: Bench): void {
  const names = upstreams.filter(({ command }) => command.length > 0).map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  // Its name is all that tells it from another in a session id.
  if (twice !== undefined) problem("upstreams", `two commands are named ${twice}`, "Give each a name of its own.");
}

function judgeMemberCredentials({ settings, problem }: Bench): void {
  const { memberCredentials, upstreams, credential } = settings;
  if (upstreams.length < 2) return;
  const seen = new Set<string>();
  for (const { member, source } of memberCredentials) {
    const named = upstreams.filter((upstream) => memberNameOf(upstream) === member);
    if (named.length === 0) {
      problem("memberCredentials", `no MCP server is named ${member}`, "Name one as --upstream does.");
    }
    if (seen.has(member)) problem("memberCredentials", `${member} is named twice`, "Choose one credential for it.");
    seen.add(member);
    if (source !== "none" && named.some(({ command }) => command.length > 0)) {
      problem("memberCredentials", `${member} is a stdio server`, "Give it what it needs by --stdio-secret.");
    }
    if (source === "signet" && credential === undefined) {
      problem(
        "memberCredentials",
        `${member} is to get a credential of Signet's, and there is none`,
        "Add --credential SOURCE.",
      );
    }
  }
  if (credential !== undefined && !memberCredentials.some(({ source }) => source === "signet")) {
    problem("credential", "no server gets it", "Say which: --member-credential NAME=signet.");
  }
}

function judgeMemberTimeouts({ settings: { memberTimeouts, upstreams }, problem }: Bench): void {
  if (upstreams.length < 2) return;
  const names = upstreams.map(memberNameOf);
  const stranger = memberTimeouts.find(({ member }) => !names.includes(member));
  if (stranger !== undefined) {
    problem("memberTimeouts", `no MCP server is named ${stranger.member}`, "Name one as --upstream does.");
  }
  const given = memberTimeouts.map(({ member }) => member);
  const twice = given.find((name, at) => given.indexOf(name) !== at);
  if (twice !== undefined) problem("memberTimeouts", `${twice} is named twice`, "Choose one time for it.");
}

function judgeToolTexts({ settings, problem }: Bench): void {
  if (settings.upstreams.length < 2) return;
  const names = namesOf(membersIn(settings.upstreams));
  for (const key of ["renameTools", "describeTools"] as const) {
    const stranger = settings[key].find(({ member }) => !names.has(member));
    if (stranger !== undefined) {
      problem(key, `no MCP server is named ${stranger.member}`, "Name one as --upstream does.");
    }
  }
  const given = settings.renameTools.map(({ member, text }) => `${member}/${text}`);
  const twice = given.find((name, at) => given.indexOf(name) !== at);
  if (twice !== undefined) problem("renameTools", `two tools are called ${twice}`, "Give each a name of its own.");
}

const PATTERN_KEYS = [
  ...["allowTools", "denyTools"] as const,
  ...["allowPrompts", "denyPrompts"] as const,
  ...["allowResources", "denyResources"] as const,
];

/** One letter amiss in a name, and what was to be denied would be there: a pattern of nobody's is no pattern. */
function judgePatterns(bench: Bench): void {
  const { settings, problem } = bench;
  if (settings.upstreams.length < 2) return;
  const names = namesOf(membersIn(settings.upstreams));
  for (const key of PATTERN_KEYS) {
    for (const pattern of settings[key]) {
      if (!key.endsWith("Resources")) warnOfLabel(bench, { key, pattern, names });
      const [, member] = /^([A-Za-z][\w-]*)\//.exec(pattern) ?? [];
      if (member === undefined || names.has(member)) continue;
      problem(
        key,
        `no MCP server is named ${member}`,
        `Name one as --upstream does; if the slash is part of the name that is meant, write *${pattern}.`,
      );
    }
  }
}

interface Labelled {
  readonly key: typeof PATTERN_KEYS[number];
  readonly pattern: string;
  readonly names: ReadonlySet<string>;
}

/** Clients see `memory_delete`; whoever copies that into a pattern has denied nothing. */
function warnOfLabel({ settings: { nameSeparator }, warn }: Bench, { key, pattern, names }: Labelled): void {
  const member = [...names].find((name) => pattern.startsWith(name + nameSeparator));
  if (member === undefined) return;
  const own = pattern.slice(member.length + nameSeparator.length);
  warn(
    `--${SEVERAL[key].name} ${pattern} is held against the servers' own names, not those that clients see. ` +
      `If one of ${member} is meant, write ${member}/${own}.`,
  );
}

function judgeAdoption({ settings: { upstreams, adopt }, problem }: Bench): void {
  if (!adopt || upstreams.length < 2) return;
  problem("adopt", "there are several MCP servers, and an id of one server's is none of theirs", "Leave it out.");
}

const READS: readonly SettingKey[] = ["upstreams"];

export const SEVERAL_RULES: readonly Rule[] = [
  [[...READS, "nameSeparator"], judgeMembers],
  [READS, judgeStdioMembers],
  [[...READS, "command", "era"], judgeEra],
  [[...READS, "memberCredentials", "credential"], judgeMemberCredentials],
  [[...READS, "memberTimeouts"], judgeMemberTimeouts],
  [[...READS, "renameTools", "describeTools"], judgeToolTexts],
  [[...READS, "nameSeparator", ...PATTERN_KEYS], judgePatterns],
  [[...READS, "adopt"], judgeAdoption],
];
