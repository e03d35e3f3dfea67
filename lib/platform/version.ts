// The version of this program. A test holds it equal to deno.json's, which is not part of the executable.
export const VERSION = "0.1.0";
