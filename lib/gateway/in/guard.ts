// Which Host and Origin may talk to Signet at all: the DNS-rebinding guard of MCP 2025-11-25 "Transports",
// done before Host is rewritten, because a proxy that rewrites Host disarms the server's own guard (docs/protocol.md
// 14).
import { SignetError } from "../../errors.ts";
import type { FieldList } from "../../http1/types.ts";
import { hostOfAuthority, isLoopbackHost } from "../../http1/wire/authority.ts";
import type { Inbound } from "../inbound.ts";

export interface GuardOptions {
  /**
   * Whether the listener is bound to a loopback address: then loopback names and origins are allowed without asking.
   */
  readonly loopback: boolean;
  /**
   * Further hosts, `name` or `name:port`, any letter case. Empty and not loopback: every Host passes
   * (`--unsafe-listen`).
   */
  readonly allowHosts: readonly string[];
  /** Further origins, exactly as browsers send them (`https://app.example`). */
  readonly allowOrigins: readonly string[];
}

export class Guard {
  readonly #loopback: boolean;
  readonly #anyHost: boolean;
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  constructor(options: GuardOptions) {
    this.#loopback = options.loopback;
    this.#hosts = new Set(options.allowHosts.map((host) => host.toLowerCase()));
    this.#anyHost = !options.loopback && options.allowHosts.length === 0;
    this.#origins = new Set(options.allowOrigins.map((origin) => origin.toLowerCase()));
  }

  /** In words, for the log. */
  get wantedHosts(): string {
    if (this.#anyHost) return "any";
    return [...(this.#loopback ? ["loopback names"] : []), ...this.#hosts].join(", ");
  }

  /** In words, for the log. */
  get wantedOrigins(): string {
    return [...(this.#loopback ? ["loopback pages"] : []), ...this.#origins].join(", ") || "none";
  }

  allowsHost(host: string): boolean {
    if (this.#anyHost) return true;
    const authority = host.toLowerCase();
    const name = hostOfAuthority(authority);
    return (this.#loopback && isLoopbackHost(name)) || this.#hosts.has(name) || this.#hosts.has(authority);
  }

  /** `origin` is the field's value; requests without the field are not asked. */
  allowsOrigin(origin: string): boolean {
    const wanted = origin.toLowerCase();
    if (this.#origins.has(wanted)) return true;
    if (!this.#loopback) return false;
    const authority = /^https?:\/\/([^/?#@\s]+)$/.exec(wanted)?.[1];
    return authority !== undefined && isLoopbackHost(hostOfAuthority(authority));
  }
}

/** Host and Origin: who may talk here at all (docs/protocol.md 14). */
export function guardProblem(guard: Guard, { head, facts }: Inbound): SignetError | undefined {
  if (facts.guardedBy === guard) return undefined;
  const { origin } = facts;
  if (!guard.allowsHost(head.host)) {
    return new SignetError("host_refused");
  }
  if (origin !== undefined && !guard.allowsOrigin(origin)) {
    return new SignetError("origin_refused");
  }
  facts.guardedBy = guard;
  return undefined;
}

/** Of a request whose Connection takes a field away that is decided by here, and would be anew behind (I4). */
export function hidesField(name: string): SignetError {
  return new SignetError("malformed_http", {
    facts: { found: `Connection names ${name.slice(0, 64)}`, wanted: "none that is decided by here" },
    remedy: "Leave it out of Connection: whoever is next would decide without it.",
  });
}

/** What a browser needs to see on every answer to an allowed origin (Fetch standard, CORS protocol). */
export function corsFields(origin: string): FieldList {
  return [
    "access-control-allow-origin",
    origin,
    "access-control-expose-headers",
    "mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, ratelimit, ratelimit-policy",
    "vary",
    "origin",
  ];
}

/** The same for an answer of Signet's own, if a page is there to read it and may. */
export function corsFieldsFor(guard: Guard, origin: string | undefined): FieldList {
  return origin !== undefined && guard.allowsOrigin(origin) ? corsFields(origin) : [];
}

/** The answer to a preflight request of an allowed origin; every request field MCP defines may be sent. */
export function preflightFields(origin: string, requestedFields: string | undefined): FieldList {
  return [
    ...corsFields(origin),
    "access-control-allow-methods",
    "GET, POST, DELETE",
    "access-control-allow-headers",
    requestedFields ?? "content-type, accept, authorization, mcp-session-id, mcp-protocol-version, last-event-id",
    "access-control-max-age",
    "600",
  ];
}
