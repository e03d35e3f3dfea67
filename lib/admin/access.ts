// Who may do what on the admin listener, beyond probes and metrics. Changing anything from a web page takes the token,
// even on loopback; a page of another origin and a name that is not ours get nothing (docs/behaviour.md V3).
import { SignetError } from "../errors.ts";
import { isLoopbackHost } from "../http1/wire/authority.ts";
import type { HostRule } from "./admin_hosts.ts";
import type { AdminToken } from "./admin_token.ts";

export interface AccessOptions {
  /** What every request must show; undefined where none is configured. */
  readonly token: AdminToken | undefined;
  /** Whether the listener can be reached from this machine only. */
  readonly loopback: boolean;
  /** Names it may be reached by without the token. Default: those of this machine. */
  readonly allowsHost?: HostRule;
}

/**
 * - `operator`: has shown the token
 * - `local`: is on this machine, and there is no token to show: learns no names of callers
 * - `anyone`: sees what probes and metrics tell, too
 */
export type Access = "operator" | "local" | "anyone";

/** What the request may see. @throws SignetError `origin_refused`, `host_refused` where it may not even ask */
export function accessOf(request: Request, options: AccessOptions): Access {
  assertSameOrigin(request);
  const { token, loopback, allowsHost = isLoopbackHost } = options;
  if (token?.matches(request.headers.get("authorization"))) return "operator";
  if (!allowsHost(new URL(request.url).hostname)) throw wrongHost();
  return token === undefined && loopback ? "local" : "anyone";
}

/**
 * The operators' API.
 * @throws SignetError `origin_refused`, `host_refused`, `unauthenticated`
 */
export function guard(request: Request, options: AccessOptions): Exclude<Access, "anyone"> {
  const access = accessOf(request, options);
  const { token } = options;
  if (access === "anyone" && token === undefined) {
    throw new SignetError("origin_refused", {
      publicMessage: "Forbidden: beyond loopback this API wants a token, and none is configured",
      remedy: "Start Signet with --admin-token-file, or bind --admin to loopback.",
    });
  }
  if (access === "anyone") {
    throw new SignetError("unauthenticated", {
      publicMessage: "Unauthorized: this API wants the admin token",
      challenge: "Bearer",
      remedy: "Give --admin-token-file with the token the Signet was started with.",
    });
  }
  if (access === "local" && request.method !== "GET" && isPage(request)) {
    throw new SignetError("origin_refused", {
      publicMessage: "Forbidden: web pages change nothing without the admin token, and none is configured",
      remedy: "Start Signet with --admin-token-file, or use the command line.",
    });
  }
  return access;
}

function wrongHost(): SignetError {
  return new SignetError("host_refused", {
    publicMessage: "Forbidden: this listener is not known by that name",
    remedy: "Name it with --admin-allow-host, if operators are meant to use it.",
  });
}

/** Browsers say one of the two on whatever a page can send to another origin, or can change anything with. */
function isPage({ headers }: Request): boolean {
  return headers.has("origin") || headers.has("sec-fetch-site");
}

/** Our own page is of our own origin; an address that was typed is nobody's page. */
function assertSameOrigin({ headers, url }: Request): void {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if ((site === null || site === "none" || site === "same-origin") && (origin === null || isOwn(origin, url))) return;
  throw new SignetError("origin_refused", {
    publicMessage: "Forbidden: web pages of other origins have no access to this API",
  });
}

/** By host and port: what stands before Signet may speak TLS where Signet does not. */
function isOwn(origin: string, url: string): boolean {
  if (!/^https?:\/\//.test(origin)) return false;
  try {
    return new URL(origin).host === new URL(url).host;
  } catch {
    return false;
  }
}
