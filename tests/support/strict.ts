// How every test runs that opens nothing by design: what it began has ended, and what it opened is closed, when it ends.
// Both sanitizers are off by default in this Deno.

import "./kept_responses.ts";
import "./poison.ts";

/** Options for `Deno.test`. */
export const STRICT = { sanitizeOps: true, sanitizeResources: true } as const;
