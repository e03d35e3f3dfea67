// Options of a task's script: what its own first lines say is its help, and an option that is none ends it with them.
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/**
 * The values of `options` as `Deno.args` have them. With `--help`, or with an option that is none, the script's first
 * lines are printed and it ends, with exit code 0 or 2.
 * @param script its `import.meta.url`
 */
export function readOptions<Options extends ParseArgsOptionsConfig>(script: string, options: Options) {
  if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
    console.log(helpOf(Deno.readTextFileSync(new URL(script))));
    Deno.exit(0);
  }
  try {
    return parseArgs({ args: Deno.args, options }).values;
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : error}\n\n${helpOf(Deno.readTextFileSync(new URL(script)))}`,
    );
    Deno.exit(2);
  }
}

/** The comment that a source begins with. */
export function helpOf(source: string): string {
  return /^(?:\/\/.*\n)*/.exec(source)![0].replace(/^\/\/ ?/gm, "").trimEnd();
}
