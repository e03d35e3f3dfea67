// The operators' page on the admin listener: files of the program, served as they are. No inline script or style, nothing
// from elsewhere, no markup made of text (Trusted Types), no frame, nothing stored by anybody (docs/behaviour.md V3).
import { isLoopbackHost } from "../http1/wire/authority.ts";
import type { AccessOptions } from "./access.ts";
import type { AdminRoute } from "./admin.ts";
import apiJs from "./page/api.js" with { type: "text" };
import clockJs from "./page/clock.js" with { type: "text" };
import domJs from "./page/dom.js" with { type: "text" };
import formatJs from "./page/format.js" with { type: "text" };
import iconSvg from "./page/icon.svg" with { type: "text" };
import indexHtml from "./page/index.html" with { type: "text" };
import logJs from "./page/log.js" with { type: "text" };
import overviewJs from "./page/overview.js" with { type: "text" };
import pageCss from "./page/page.css" with { type: "text" };
import pageJs from "./page/page.js" with { type: "text" };
import sessionsJs from "./page/sessions.js" with { type: "text" };

/** CSP Level 3, and Trusted Types of the W3C: no sink of markup takes a text, whoever would try. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

const FILES: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "/": [HTML, indexHtml],
  "/page/api.js": [SCRIPT, apiJs],
  "/page/clock.js": [SCRIPT, clockJs],
  "/page/dom.js": [SCRIPT, domJs],
  "/page/format.js": [SCRIPT, formatJs],
  "/page/icon.svg": ["image/svg+xml", iconSvg],
  "/page/log.js": [SCRIPT, logJs],
  "/page/overview.js": [SCRIPT, overviewJs],
  "/page/page.css": ["text/css; charset=utf-8", pageCss],
  "/page/page.js": [SCRIPT, pageJs],
  "/page/sessions.js": [SCRIPT, sessionsJs],
};

/** Path → handler, for `serveAdmin`. */
export function pageRoutes({ allowsHost = isLoopbackHost }: AccessOptions): ReadonlyMap<string, AdminRoute> {
  return new Map(
    Object.entries(FILES).map(([path, [type, text]]) => [path, (request) => {
      if (!allowsHost(new URL(request.url).hostname)) {
        return plain(403, "Forbidden: this page is not known by that name. Name it with --admin-allow-host.\n");
      }
      if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "Method not allowed\n");
      return new Response(text, { headers: { ...HEADERS, "content-type": type } });
    }]),
  );
}

function plain(status: number, text: string): Response {
  return new Response(text, { status, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" } });
}
