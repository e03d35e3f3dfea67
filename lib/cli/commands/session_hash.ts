// The hash of a session, as an operator gives it to a command.
import { type Kind, unfit } from "../../config/values/kinds.ts";

/** As the log and `signet sessions` show it. */
export const sessionHash: Kind<string> = {
  metavar: "HASH",
  parse: (text) =>
    /^[0-9a-f]{12}$/i.test(text)
      ? { value: text.toLowerCase() }
      : unfit("this is no hash of a session", "Write the 12 hexadecimal digits that logs and `signet sessions` show."),
  format: (value) => value,
};
