// Why a server's process could not be started, or not greeted, as it is told.
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

export function neverAnswered(afterMs: number): SignetError {
  return new SignetError("upstream_timeout", {
    facts: { attempted: "initialize", afterMs },
    remedy:
      "Try the command by itself. Raise --stdio-start-timeout if it needs longer to start; npx and uvx download " +
      "first, and what they need of the environment for that, a proxy or certificates, --stdio-inherit names.",
  });
}

export function notStarted(cause: unknown): SignetError {
  return new SignetError("upstream_unreachable", {
    facts: { attempted: "start the MCP server" },
    remedy: "See whether the command can be run by the user Signet runs as.",
    cause,
  });
}

/** It is not started again before a pause. @param failures of late */
export function keepsFailing(failures: number, pauseMs: number): SignetError {
  return new SignetError("upstream_unreachable", {
    publicMessage: "Bad gateway: the MCP server keeps failing",
    retryAfterS: Math.ceil(pauseMs / 1000),
    facts: { failures },
    remedy: "The MCP server's own lines in this log should say why it ends.",
  });
}
