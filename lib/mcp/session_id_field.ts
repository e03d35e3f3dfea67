// The one field of MCP's that names a session, as this program writes it and as ids seal it (MCP 2025-11-25, Transports).
export const SESSION_ID_FIELD = "mcp-session-id";

/** What MCP's own fields say of a message: whoever sends one of his own says it himself, and passes on nobody else's. */
export const MESSAGE_FIELDS: readonly string[] = [SESSION_ID_FIELD, "mcp-protocol-version", "mcp-method", "mcp-name"];
