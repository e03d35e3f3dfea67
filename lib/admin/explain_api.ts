// What a code means, for the page: GET /explain ?name= → {"explained": [{"name", "kind", "meaning", "cure"}, …]}. Words of the
// program itself, so that whoever reaches the page may read them.
import { SignetError } from "../errors.ts";
import { accessOf, type AccessOptions } from "./access.ts";
import type { AdminRoute } from "./admin.ts";
import { json, refusal } from "./answers.ts";
import { queryMembers } from "./control_input.ts";

export interface ExplanationView {
  readonly name: string;
  readonly kind: string;
  /** Sentences. */
  readonly meaning: string;
  /** Sentences; blank where nothing is to be done. */
  readonly cure: string;
}

/** All that have this name; none is no fault. */
export type Explain = (name: string) => Promise<readonly ExplanationView[]>;

/** Path → handler, for `serveAdmin`; none without somebody who explains. */
export function explainRoutes(explain: Explain | undefined, options: AccessOptions): ReadonlyMap<string, AdminRoute> {
  if (explain === undefined) return new Map();
  return new Map([["/explain", async (request) => {
    try {
      accessOf(request, options);
      if (request.method !== "GET") throw new SignetError("method_not_allowed", { allow: "GET" });
      const query = queryMembers(new URL(request.url), []);
      const name = query.text("name");
      query.end();
      const found = await explain(name);
      return json(200, {
        explained: found.map(({ name, kind, meaning, cure }) => ({ name, kind, meaning, cure })),
      });
    } catch (error) {
      return refusal(error);
    }
  }]]);
}
