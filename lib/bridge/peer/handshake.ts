// The handshake with a peer: what is said to it, said again to its successor, and what its answer tells.
import { SignetError } from "../../errors.ts";
import type { InitializeParams } from "../../mcp/eras/era.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember, membersOf } from "../../mcp/json/json_text.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { type Message, NO_CARRIER, NOBODY, type Peer } from "./peer.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const INITIALIZED: Uint8Array = encoder.encode('{"jsonrpc":"2.0","method":"notifications/initialized"}');

/** What a server said of itself. */
export interface Handshake {
  readonly result: JsonObject;
  readonly capabilities: JsonObject;
}

export function readHandshake({ value }: Message): Handshake | undefined {
  const { result } = value;
  if (!isJsonObject(result)) return undefined;
  return { result, capabilities: isJsonObject(result.capabilities) ? result.capabilities : {} };
}

/** A stateless server's handshake names none. */
export function versionIn(handshake: Handshake | undefined): string {
  const version = handshake?.result.protocolVersion;
  return typeof version === "string" ? version : "";
}

/**
 * The handshake of a peer that takes an earlier one's place.
 * @param version that the session has negotiated
 * @throws SignetError `upstream_invalid` if it was refused, or speaks another one
 */
export function handshakeOfSuccessor(reply: Message, version: string): Handshake {
  const found = readHandshake(reply);
  if (found !== undefined && versionIn(found) === version) return found;
  throw new SignetError("upstream_invalid", {
    facts: { wanted: version, found: found === undefined ? "an error" : versionIn(found) },
    remedy: "A restarted MCP server must accept the handshake it accepted before.",
  });
}

/** Tells a peer in an earlier one's place what that one had been told, before anything else is asked. */
export function brief(
  peer: Peer,
  told: { readonly isConfirmed: boolean; readonly requests: Iterable<Uint8Array> },
): void {
  if (told.isConfirmed) peer.send(INITIALIZED, NO_CARRIER);
  for (const text of told.requests) peer.ask(text, findMember(text, "id")!, NOBODY, NO_CARRIER);
}

/** Of a longer handshake no more is said again than what it is made of: the rest may be of any length (M6). */
const LONGEST_HANDSHAKE = 16 * 1024;
const OF_A_HANDSHAKE: ReadonlySet<string> = new Set(["protocolVersion", "capabilities", "clientInfo"]);

export function handshakeToKeep(text: Uint8Array): Uint8Array {
  const params = findMember(text, "params");
  if (text.length <= LONGEST_HANDSHAKE || params === undefined) return text.slice();
  const members = membersOf(text, params).filter(({ name }) => OF_A_HANDSHAKE.has(name));
  const kept = members.map(({ whole }) => decoder.decode(text.subarray(whole.start, whole.end))).join(",");
  return encoder.encode(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{${kept}}}`);
}

/** An initialize as the client's was; its id is a placeholder. */
export function handshakeOf({ protocolVersion, capabilities, clientInfo }: InitializeParams): Uint8Array {
  const params = { protocolVersion, capabilities, clientInfo };
  return encodeJson({ jsonrpc: "2.0", id: 0, method: "initialize", params });
}
