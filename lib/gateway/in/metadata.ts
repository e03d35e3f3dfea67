// Protected Resource Metadata (RFC 9728), for clients that have met a 401: public, the same for everybody, and made of
// configuration only. Any web page may read it, as browsers' clients have to before they can have a credential.
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

const encoder = new TextEncoder();

/** The answer to a request for the metadata document; undefined if the request is for something else. */
export function serveMetadata(parts: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  const { resource } = parts;
  const { method, path } = inbound.head;
  if (resource === undefined || !resource.paths.includes(path)) return undefined;
  if (method === "OPTIONS") {
    return inbound.exchange.respond({
      status: 204,
      fields: ["access-control-allow-origin", "*", "access-control-allow-headers", "mcp-protocol-version"],
    });
  }
  if (method !== "GET" && method !== "HEAD") return undefined;
  const fields = [
    ...["content-type", "application/json"],
    ...["cache-control", "max-age=300"],
    ...["access-control-allow-origin", "*"],
  ];
  return inbound.exchange.respond({ status: 200, fields }, encoder.encode(resource.document));
}
