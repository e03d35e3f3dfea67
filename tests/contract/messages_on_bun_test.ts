// What is a message and what is none: strings that are long are searched by the runtime, so the reader of messages keeps its
// contract on the one that the executable is made with.
import { needingBun, runTestsOnBun } from "../support/on_bun.ts";

const files = [
  "tests/unit/mcp/messages/read_message_test.ts",
  "tests/unit/gateway/in/body_test.ts",
  "tests/property/mcp_read_message_test.ts",
];

Deno.test(
  "P5: messages are read alike on Bun",
  needingBun("reading messages"),
  (t) => runTestsOnBun(t, files, { deadlineMs: 60_000 }),
);
