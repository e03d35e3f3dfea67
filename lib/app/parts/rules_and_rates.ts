// Settings → what is in force of rules and rates.
import { compileRules, ruleName } from "../../config/access_rules.ts";
import { membersIn } from "../../config/rules/several_rules.ts";
import type { Settings } from "../../config/schema.ts";
import type { RulesAndRates } from "../../gateway/law.ts";
import { Policy, type PolicyOptions } from "../../policy/policy.ts";
import { RateBook, type RateLimit } from "../../policy/rate_book.ts";
import type { Rate } from "../../store/rates.ts";
import { uriSpellings } from "../../upstream/several/names/uri_spellings.ts";
import { inwardUri, labelOf, outwardUri } from "../../upstream/several/names/uris.ts";

/** @throws ExpressionError for a condition that loading has not seen */
export async function createRulesAndRates(settings: Settings): Promise<RulesAndRates> {
  const limits = limitsOf(settings);
  const policy = settings.rules.length === 0 ? undefined : new Policy({
    rules: await compileRules(settings.rules),
    otherwise: settings.rulesOtherwise ?? "deny",
    ...namesOf(settings),
  });
  return { policy, rates: limits.length === 0 ? undefined : new RateBook(limits) };
}

/** What a name leads to, and may be taken for: of several servers the part that is the server's own. */
function namesOf({ upstreams, nameSeparator }: Settings): Pick<PolicyOptions, "spellings" | "serverOf"> {
  if (upstreams.length < 2) {
    const name = upstreams[0]?.name ?? "";
    return { spellings: uriSpellings, serverOf: () => name };
  }
  const members = membersIn(upstreams).map(({ prefixName }) => prefixName);
  return {
    spellings: (uri) => {
      const found = inwardUri(uri);
      if (found === undefined) return uriSpellings(uri);
      return [uri, ...uriSpellings(found.uri).map((spelling) => outwardUri(found.label, spelling))];
    },
    serverOf: ({ kind, name }) => {
      const label = kind === "resource" ? inwardUri(name)?.label : undefined;
      return members.find((member) =>
        kind === "resource" ? labelOf(member) === label : name.startsWith(member + nameSeparator)
      ) ?? "";
    },
  };
}

function limitsOf({ rules, rates }: Settings): RateLimit[] {
  return [
    ...rates.map(({ per, tools, ...numbers }): RateLimit => ({
      rate: rateOf([per, ...tools].join(" "), numbers),
      per,
      tools,
    })),
    ...rules.flatMap((rule, at): RateLimit[] => {
      if (rule.rate === undefined) return [];
      const name = ruleName(rule, at);
      return [{ rate: rateOf(`rule ${name}`, rule.rate), per: "caller", tools: [], rule: name }];
    }),
  ];
}

function rateOf(what: string, { amount, windowMs, burst }: Omit<Rate, "id">): Rate {
  return { id: `${what}: ${amount} in ${windowMs / 1000} s, ${burst} at once`, amount, windowMs, burst };
}
