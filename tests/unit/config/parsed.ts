// What a kind makes of a text: the value, or the problem with its remedy; a failed test where it is the other one.
import assert from "node:assert/strict";
import type { Kind } from "../../../lib/config/values/kinds.ts";

export function valueOf<T>(kind: Kind<T>, text: string): T {
  const parsed = kind.parse(text);
  if ("value" in parsed) return parsed.value;
  assert.fail(`${text}: ${parsed.problem}`);
}

export function problemOf<T>(kind: Kind<T>, text: string): string {
  const parsed = kind.parse(text);
  if ("value" in parsed) assert.fail(`${text} is accepted`);
  return `${parsed.problem}. ${parsed.remedy}`;
}
