// The query of a request to an HTTP server: that of the configured URL, and behind it what the client's adds. What the
// operator has said there (a project, `read_only=true`) no caller says again: of two parameters of one name some servers
// take the last, and some take several spellings for one name (docs/behaviour.md M4, as I4 has it of fields).
import { foldedName } from "../../mcp/json/folded_name.ts";

/** @param query the client's: `?…`, or empty */
export function withQuery(target: string, query: string): string {
  if (query === "") return target;
  const mark = target.indexOf("?");
  if (mark < 0) return target + query;
  const own = new Set(parametersOf(target.slice(mark + 1)).flat().map(plainName));
  const added = parametersOf(query.slice(1))
    .map((group) => group.filter((parameter) => !own.has(plainName(parameter))).join(";"))
    .filter((group) => group !== "");
  return added.length === 0 ? target : `${target}&${added.join("&")}`;
}

/** In groups between `&`, since to some servers `;` separates as well. */
function parametersOf(query: string): string[][] {
  return query.split("&").map((group) => group.split(";"));
}

const decoder = new TextDecoder();

/**
 * The name of `name=value` as the most forgiving server reads it: escapes decoded, without case or width, up to the brackets
 * of a list or a NUL, and with `_` for all that is neither letter nor digit, of whatever script: of some of it PHP makes that.
 */
function plainName(parameter: string): string {
  const mark = parameter.indexOf("=");
  const name = unescaped(mark < 0 ? parameter : parameter.slice(0, mark)).trim();
  return foldedName(name.replace(/(?<=.)[[\0].*$/s, "").normalize("NFKC")).replace(/[^\p{L}\p{M}\p{N}]/gu, "_");
}

/** What bytes cannot be read as text is all one: on the strict side. */
function unescaped(name: string): string {
  const bytes = name
    .replaceAll("+", " ")
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  const text = decoder.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  // As IIS has it.
  return text.replace(/%u([0-9a-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}
