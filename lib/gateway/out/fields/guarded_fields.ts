// The one rule of which request fields may come through from outside (docs/behaviour.md I4): what Signet sets, removes
// or decides by passes under no other spelling, and what proxies say of whom they forward for passes from trusted
// proxies only.
import { isPlainName, plainName } from "../../../http1/wire/fields/field_spelling.ts";
import { HOP_BY_HOP } from "../../../http1/wire/fields/fields.ts";
import { MESSAGE_FIELDS, SESSION_ID_FIELD } from "../../../mcp/session_id_field.ts";

/**
 * Fields of MCP's own, by which servers and whoever stands between route (MCP 2026-07-28, "Standard Request Headers").
 */
const OF_MCP = [...MESSAGE_FIELDS, "last-event-id"];
/** Read by servers to know who calls, and as what. */
const OF_THE_REQUEST = ["authorization", "cookie", "origin", "content-type", "content-encoding", "accept"];

/**
 * Families of names by which whoever stands in front says for whom it forwards: addresses, certificates of clients (mutual
 * TLS), users it has authenticated.
 */
const FORWARDED_FAMILY = new RegExp(`^x-(?:${
  [
    ...["forwarded-", "vercel-(?:forwarded|proxied)-for$"],
    ...["ssl-client-", "ssl-cert$", "client-cert(?:$|-)", "client-verify$", "client-dn$", "tls-client-", "amzn-mtls-"],
    ...["amzn-oidc-", "auth-request-", "authenticated-", "goog-authenticated-", "ms-client-principal(?:$|-)"],
    ...["remote-user(?:$|-)", "webauth-"],
  ].join("|")
})`);
/** Of `x`, which all of them begin with and few other fields do: those are told by a look. */
const FIRST_LETTER = 0x78;

/** RFC 7239, and what proxies, content networks and load balancers write beside or instead of it. */
const FORWARDED: ReadonlySet<string> = new Set([
  ...["forwarded", "forwarded-for", "x-forwarded", "x-original-forwarded-for", "x-real-ip", "x-client-ip", "client-ip"],
  ...["true-client-ip", "x-true-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr", "x-originating-ip"],
  ...["cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip", "fly-client-ip", "x-envoy-external-address"],
  ...[
    "x-azure-clientip",
    "x-azure-socketip",
    "x-appengine-user-ip",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
  ],
  ...["x-host", "x-http-host-override", "x-scheme", "x-url-scheme", "front-end-https", "x-proxyuser-ip"],
  ...["do-connecting-ip", "x-nf-client-connection-ip", "incap-client-ip", "x-sucuri-clientip", "ali-cdn-real-ip"],
  ...["proxy-client-ip", "wl-proxy-client-ip", "cdn-src-ip", "x-appengine-remote-addr"],
  // RFC 9440, and what ingress controllers and others write in its place.
  ...["client-cert", "client-cert-chain", "x-arr-clientcert", "ssl-client-cert", "ssl-client-verify"],
  ...["ssl-client-subject-dn", "ssl-client-issuer-dn", "ssl-client-s-dn", "ssl-client-i-dn", "wl-proxy-client-cert"],
  ...["remote-user", "auth-user", "cf-access-authenticated-user-email", "oidc-claim-sub", "oidc-claim-email"],
  ...["tailscale-user-login", "tailscale-user-name"],
]);

/** Whether a lower-case, plain name is one by which a proxy says for whom, or for what request, it forwards. */
export function isForwardedField(name: string): boolean {
  return FORWARDED.has(name) || isOfFamily(name);
}

function isOfFamily(name: string): boolean {
  return name.charCodeAt(0) === FIRST_LETTER && FORWARDED_FAMILY.test(name);
}

export interface GuardedFieldRules {
  /** Lower-case names that never pass from outside. */
  readonly never: readonly string[];
  /** Lower-case names that pass as they are written here, and in no other spelling. */
  readonly guarded: readonly string[];
}

export class GuardedFields {
  readonly #verdicts: ReadonlyMap<string, "never" | "forwarded">;
  /** As they may be written. */
  readonly #guarded: ReadonlySet<string>;
  /** In their plain spelling: no other name of the same may pass. */
  readonly #plain: ReadonlySet<string>;
  /** What is never passed on may be decided by all the same. */
  readonly #decidedBy: ReadonlySet<string>;

  constructor({ never, guarded }: GuardedFieldRules) {
    this.#decidedBy = new Set([...OF_MCP, ...OF_THE_REQUEST, ...guarded]);
    const removed = [...HOP_BY_HOP, "host", SESSION_ID_FIELD, ...never];
    this.#guarded = new Set([...this.#decidedBy].filter((name) => !removed.includes(name)));
    this.#plain = new Set([...removed, ...this.#guarded].map(plainName));
    // A name configured with `_` is the same as the plain one, which most fields are: looked up with all others.
    const aliases = [...this.#plain].filter((name) => !this.#guarded.has(name));
    const forwarded = [...FORWARDED].map((name) => [name, "forwarded"] as const);
    this.#verdicts = new Map([...forwarded, ...[...removed, ...aliases].map((name) => [name, "never"] as const)]);
  }

  /**
   * What is to become of a lower-case name: `forwarded` passes from a trusted proxy only.
   * Asked of every field of every request.
   */
  verdict(name: string): "passes" | "never" | "forwarded" {
    const known = this.#verdicts.get(name);
    if (known !== undefined) return known;
    if (!isPlainName(name)) return this.#isDisguised(name) ? "never" : "passes";
    return isOfFamily(name) ? "forwarded" : "passes";
  }

  /**
   * Whether Connection may not take the field away: what was decided here by a field that is not there any more, the next
   * one decides anew without it.
   */
  mustStay(name: string): boolean {
    return this.#decidedBy.has(name) || isForwardedField(name);
  }

  #isDisguised(name: string): boolean {
    if (this.#guarded.has(name)) return false;
    const plain = plainName(name);
    return this.#plain.has(plain) || plain.startsWith("mcp-") || isForwardedField(plain);
  }
}
