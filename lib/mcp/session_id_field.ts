// The one field of MCP's that names a session, as this program writes it and as ids seal it (MCP 2025-11-25, Transports).
export const SESSION_ID_FIELD = "mcp-session-id";
