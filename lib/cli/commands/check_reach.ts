// What keeps a call from the rules, for `check --call`: a scope that everybody must have, and what clients are shown of
// several servers at all (A7). Of resources, whose addresses only the servers' lists can tell, nothing is said.
import { membersIn, namesOf } from "../../config/rules/several_rules.ts";
import type { Settings } from "../../config/schema.ts";
import { textsOf, visibleOf } from "../../config/several_seen.ts";
import type { Subject } from "../../policy/subject.ts";
import { looksShort } from "../../upstream/several/names/names.ts";

export interface Reaching {
  readonly subject: Subject;
  /** Undefined where nobody in particular calls. */
  readonly scopes: readonly string[] | undefined;
}

/** Why no rule is asked, in words; undefined where nothing is known that keeps the call from them. */
export function keptOut(settings: Settings, { subject, scopes }: Reaching): string | undefined {
  const missing = scopes === undefined ? [] : settings.requireScopes.filter((scope) => !scopes.includes(scope));
  if (missing.length > 0) return `--require-scope: every caller needs ${missing.join(" ")}`;
  if (settings.upstreams.length < 2) return undefined;
  if (subject.kind !== "tool" && subject.kind !== "prompt") return undefined;
  return hiddenOfSeveral(settings, subject);
}

function hiddenOfSeveral(settings: Settings, { kind, name }: Subject): string | undefined {
  const members = membersIn(settings.upstreams);
  const starts = members.map(({ prefixName }) => prefixName + settings.nameSeparator);
  const at = starts.findIndex((start) => name.startsWith(start));
  const member = members[at];
  if (member === undefined) return `no MCP server's begin so: they begin with ${starts.join(" or ")}`;
  const seen = name.slice(starts[at]!.length);
  // Shortened: which one it is only the server's list can tell.
  if (looksShort(seen)) return undefined;
  const own = kind === "tool" ? ownName(textsOf(settings.renameTools, member), seen) : seen;
  if (own === undefined) return "--rename-tool: it is called otherwise";
  const visible = visibleOf(settings, member, namesOf(members));
  const isShown = (kind === "tool" ? visible.tools : visible.prompts).shows(own);
  return isShown ? undefined : `--allow-${kind}, --deny-${kind}: it is not shown to clients`;
}

/** What the server calls its tool; undefined where a tool has that name no more. */
function ownName(renames: ReadonlyMap<string, string>, seen: string): string | undefined {
  const given = [...renames].find(([, text]) => text === seen);
  if (given !== undefined) return given[0];
  return renames.has(seen) ? undefined : seen;
}
