// A path that was written for a shell and has got here without one: from a file, from a unit, behind a flag's "=".

/** What to write in place of a path that nothing is at; undefined where a shell would have left it as it is. */
export function pathInFull(path: string): string | undefined {
  if (path.startsWith("~")) return "Write the path in full: ~ is read by shells, and only at the front of a word.";
  if (/\$(?:\{|[A-Za-z_])/.test(path)) {
    return "Write the path in full: $ is read by shells, and stands for nothing here.";
  }
  return undefined;
}
