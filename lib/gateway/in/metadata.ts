// Protected Resource Metadata (RFC 9728), for clients that have met a 401: public, the same for everybody, and made of
// configuration only. Any web page may read it, as browsers' clients have to before they can have a credential.
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { isSamePath } from "./same_path.ts";

const encoder = new TextEncoder();

/** Whether only the public document is wanted, which pages of every origin may read: there they learn where to log in. */
export function asksForMetadata({ resource }: GatewayParts, { head: { method, path } }: Inbound): boolean {
  return resource !== undefined && (method === "GET" || method === "HEAD" || method === "OPTIONS") &&
    resource.paths.some((wanted) => isSamePath(path, wanted));
}

/** The answer to a request for the metadata document; undefined if the request is for something else. */
export function serveMetadata(parts: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  const { resource } = parts;
  if (resource === undefined || !asksForMetadata(parts, inbound)) return undefined;
  if (inbound.head.method === "OPTIONS") {
    const fields = [
      ...["access-control-allow-origin", "*"],
      ...["access-control-allow-methods", "GET, HEAD"],
      ...["access-control-allow-headers", inbound.get("access-control-request-headers") ?? "mcp-protocol-version"],
      ...["access-control-max-age", "600"],
    ];
    return inbound.exchange.respond({ status: 204, fields });
  }
  const fields = [
    ...["content-type", "application/json"],
    ...["cache-control", "max-age=300"],
    ...["access-control-allow-origin", "*"],
  ];
  return inbound.exchange.respond({ status: 200, fields }, encoder.encode(resource.document));
}
