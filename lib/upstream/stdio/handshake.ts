// The handshake with one process: what is said to it, what its answer tells, and what is told where there is none.
import type { Message } from "../../bridge/peer.ts";
import { SignetError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../mcp/json_rpc.ts";
import { findMember, membersOf } from "../../mcp/json_text.ts";
import { CredentialRejectedError } from "../credentials/credential.ts";
import type { ProcessExit } from "./process.ts";

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

/** Why a process could not be started. No 401: the client's own credential is not what is missing (and it would try to get another). */
export function explainStart(error: unknown): unknown {
  if (!(error instanceof CredentialRejectedError)) return error;
  return new SignetError("upstream_credential_missing", { cause: error });
}

export function neverBegan(exit: ProcessExit): SignetError {
  return new SignetError("upstream_unreachable", {
    publicMessage: "Bad gateway: the MCP server ended before it had started",
    facts: { exitCode: exit.code, ...(exit.signal === null ? {} : { signal: exit.signal }) },
    remedy: "The MCP server's own lines in this log should say why; try the command by itself.",
  });
}

export function notUnderstood(found: string): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { attempted: "initialize", found },
    remedy: "The MCP server must answer initialize with one JSON-RPC message, no longer than --stdio-max-line allows.",
  });
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
