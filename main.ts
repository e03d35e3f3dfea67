// argv → command → exit code, nothing else.
Deno.exit(0);
