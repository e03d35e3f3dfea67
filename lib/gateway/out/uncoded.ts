// Answers without their content coding: they were asked for without one, but proxies in between do as they like (P6).
import { SignetError } from "../../errors.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { decoded, DecodingError } from "../../upstream/http/decoded.ts";

/** @throws SignetError `upstream_invalid` for a coding that is not known; the answer is released */
export function withoutCoding(response: ClientResponse): ClientResponse {
  try {
    return decoded(response);
  } catch (error) {
    response.release();
    throw error instanceof DecodingError ? undecodable(error) : error;
  }
}

export function undecodable(error: DecodingError): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { attempted: "read an answer", found: error.message, wanted: "no content coding, as was asked for" },
    remedy: "Have the MCP server, or what stands before it, not compress answers.",
    cause: error,
  });
}
