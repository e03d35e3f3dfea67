// What clients see of one of several servers, by the settings (A7): for whoever serves it, and for `check --call`, which tells
// what they would see.
import type { Member } from "../upstream/several/members/member.ts";
import { type Patterns, Visible } from "../upstream/several/members/visible.ts";
import { uriSpellings } from "../upstream/several/names/uri_spellings.ts";
import type { Settings } from "./schema.ts";
import type { ToolText } from "./sections/several.ts";

/** What it is configured as, and what it goes by. */
export interface NamedMember {
  readonly name: string;
  readonly prefixName: string;
}

/** @param names what any of the servers is called */
export function visibleOf(
  settings: Settings,
  { name, prefixName }: NamedMember,
  names: ReadonlySet<string>,
): Member["visible"] {
  const of = { name: prefixName, names, also: name };
  const visible = (patterns: Patterns) => new Visible(patterns, of);
  const resources = { allow: settings.allowResources, deny: settings.denyResources };
  return {
    tools: visible({ allow: settings.allowTools, deny: settings.denyTools }),
    prompts: visible({ allow: settings.allowPrompts, deny: settings.denyPrompts }),
    resources: new Visible(resources, { ...of, spellings: uriSpellings }),
  };
}

/** Its tools' texts (names, descriptions) by the names that it gives them. */
export function textsOf(texts: readonly ToolText[], { name, prefixName }: NamedMember): ReadonlyMap<string, string> {
  return new Map(
    texts.filter(({ member }) => member === name || member === prefixName).map(({ tool, text }) => [tool, text]),
  );
}
