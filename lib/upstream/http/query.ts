// The query of a request to an HTTP server: that of the configured URL, and behind it what the client's adds. What the
// operator has said there (a project, `read_only=true`) no caller says again: of two parameters of one name some servers
// take the last, and some take several spellings for one name (docs/behaviour.md M4, as I4 has it of fields).

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

/**
 * The name of `name=value` as the most forgiving server reads it: escapes decoded, without case, up to the brackets of a
 * list or a NUL, and with `_` for all that PHP has no other sign for.
 */
function plainName(parameter: string): string {
  const mark = parameter.indexOf("=");
  const name = (mark < 0 ? parameter : parameter.slice(0, mark))
    .replaceAll("+", " ")
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .trim();
  return name.replace(/(?<=.)[[\0].*$/s, "").toLowerCase().replace(/[^a-z0-9]/g, "_");
}
