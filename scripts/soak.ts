// `deno task soak --minutes N`: the soak of tests/e2e/soak_test.ts for as long as is wanted, half of it over HTTP and half
// before a stdio server. Says what went wrong, and exits with 1 if anything did.
import { soak, SOAK_KINDS } from "../tests/support/soak/soak.ts";
import { readOptions } from "./options.ts";

const values = readOptions(import.meta.url, {
  minutes: { type: "string", default: "10" },
  kind: { type: "string", multiple: true, default: [...SOAK_KINDS] },
  "full-lane": { type: "boolean", default: false },
});
const minutes = Number(values.minutes);
const kinds = SOAK_KINDS.filter((kind) => values.kind.includes(kind));
if (!(minutes > 0) || kinds.length === 0) {
  console.error("Starting a soak found no time or no kind of server, wants --minutes N and --kind http or stdio.");
  Deno.exit(2);
}
let failed = false;
for (const kind of kinds) {
  const seconds = minutes * 60 / kinds.length;
  const { findings, log, ...told } = await soak({ kind, seconds, fullLane: values["full-lane"], report: console.log });
  console.log(kind, told);
  for (const finding of findings) console.log(`!! ${finding}`);
  if (findings.length > 0) console.log(log.slice(-30).join("\n"));
  failed ||= findings.length > 0;
}
Deno.exit(failed ? 1 : 0);
