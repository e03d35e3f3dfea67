// Who may see and call what, and how often (G4, G5).
import { rowsOf } from "../setting.ts";
import { accessRule } from "../values/access_rule.ts";
import { choice } from "../values/kinds.ts";
import { rate } from "../values/rate.ts";

const rows = rowsOf("Rules and rates");

export const RULES = {
  rules: rows.many(accessRule, {
    name: "rules",
    doc:
      "Who may see and call what: allow or deny with patterns of tools (or prompt:, resource:, method:), and when (CEL), scopes, name, rate, burst; the first that matches decides. In a file a list of mappings, else JSON",
  }),
  rulesOtherwise: rows.optional(choice(["deny", "allow"]), {
    name: "rules-otherwise",
    doc: "What becomes of what no rule speaks of, where there are rules; default deny",
  }),
  rates: rows.many(rate, {
    name: "rate",
    doc:
      "How often: 50/s (or /m, /h, /d) of each caller, and burst=NUMBER, per=caller|tool|caller-tool|all, tool=PATTERN; in a file a list of mappings. Beyond it calls of tools are answered with words, all else with 429",
  }),
} as const;
