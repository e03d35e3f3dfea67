// Why a server's process could not be started, as it is told.
import { SignetError } from "../../errors.ts";
import { CredentialRejectedError } from "../credentials/credential.ts";
import type { ProcessExit } from "./process.ts";

/** No 401: the client's own credential is not what is missing (and it would try to get another). */
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
