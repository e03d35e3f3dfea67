// Codes of JSON-RPC errors that lib makes or judges by: those of JSON-RPC 2.0 §5.1, and those that MCP adds. What Signet's
// own errors say is in errors.ts.

export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;

/** The first of those that JSON-RPC leaves to servers; what transports say for want of another. */
export const SERVER_ERROR = -32000;

/** MCP up to 2025-11-25. */
export const RESOURCE_NOT_FOUND = -32002;
/** MCP 2025-11-25, Elicitation: a user has to have been at an address first. */
export const URL_ELICITATION_REQUIRED = -32042;

/** MCP 2026-07-28, Streamable HTTP: a header says something else than the body. */
export const HEADER_MISMATCH = -32020;
/** MCP 2026-07-28: the client has not said that it can do what the request would want of it. */
export const MISSING_CAPABILITY = -32021;
export const VERSION_UNSUPPORTED = -32022;

/** Of a refused initialize or discovery: what may mean that there is no such method, or no such revision, here. */
export const OTHER_ERA_CODES: ReadonlySet<unknown> = new Set([
  ...[METHOD_NOT_FOUND, INVALID_PARAMS, INVALID_REQUEST, SERVER_ERROR],
  ...[HEADER_MISMATCH, MISSING_CAPABILITY, VERSION_UNSUPPORTED],
]);
