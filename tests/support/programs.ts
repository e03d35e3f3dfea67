// Programs that only some machines have: what needs one is ignored where it is absent, and that is said.
import { findProgram } from "../../scripts/programs.ts";

/** Options for `Deno.test`: ignored, loudly, unless every program is there. */
export async function needing(programs: readonly string[], what: string): Promise<{ readonly ignore: boolean }> {
  const found = await Promise.all(programs.map(findProgram));
  const absent = programs.filter((_, index) => found[index] === undefined);
  if (absent.length > 0) console.warn(`%cNOT PROVEN: ${what}, because ${absent.join(", ")} is not here`, "color: red");
  return { ignore: absent.length > 0 };
}
