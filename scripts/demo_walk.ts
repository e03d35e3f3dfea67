// What `deno task demo` suggests to try, as shell commands that work as printed; the end-to-end test runs them.

export interface Step {
  readonly title: string;
  /** For a POSIX shell with curl; later steps use what earlier ones defined. */
  readonly command: string;
  /** What the last command prints. */
  readonly expect: RegExp;
  /** HTTP status of every call, in order, as the command shows them; none for the first, which keeps the id. */
  readonly statuses: readonly number[];
}

function initialize(): string {
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "curl", version: "1" },
  };
  return JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
}

function call(name: string, args: Record<string, string> = {}): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } });
}

/** `pids` are of the processes the demo restarts when they die. */
export function walk(url: string, pids: { readonly signet: number; readonly server: number }): Step[] {
  return [
    {
      title: "Open a session as alice, and keep its id",
      command: `mcp() { curl -sS -w '\\nHTTP %{http_code}\\n' --retry 9 --retry-delay 1 --retry-connrefused ${url} \\
  -H 'content-type: application/json' \\
  -H 'accept: application/json, text/event-stream' "$@"; }
ID=$(mcp -D - -o /dev/null -H 'authorization: Bearer alice' -d '${initialize()}' \\
  | tr -d '\\r' | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: //p')
echo "$ID"`,
      expect: /^[0-9a-zA-Z]{100,}$/,
      statuses: [],
    },
    {
      title: "Use it: two calls share one notebook → 200",
      command: `mcp -H "mcp-session-id: $ID" -H 'authorization: Bearer alice' -d '${
        call("add_note", { text: "buy milk" })
      }'
mcp -H "mcp-session-id: $ID" -H 'authorization: Bearer alice' -d '${call("list_notes")}'`,
      expect: /buy milk/,
      statuses: [200, 200],
    },
    {
      title: "Steal it: mallory has the id, but is not its owner → 403",
      command: `mcp -H "mcp-session-id: $ID" -H 'authorization: Bearer mallory' -d '${call("list_notes")}'`,
      expect: /belongs to another caller/,
      statuses: [403],
    },
    {
      title: "Forge it: change a few digits → 404, like any unknown id",
      command: `FORGED=$(echo "$ID" | tr 0123456789 1234567890)
mcp -H "mcp-session-id: $FORGED" -H 'authorization: Bearer alice' -d '${call("list_notes")}'`,
      expect: /Session not found/,
      statuses: [404],
    },
    {
      title: "Kill Signet (the demo starts it again with the same key): the session goes on, notes and all → 200",
      command: `kill -9 ${pids.signet}; sleep 1
mcp -H "mcp-session-id: $ID" -H 'authorization: Bearer alice' -d '${call("list_notes")}'`,
      expect: /buy milk/,
      statuses: [200],
    },
    {
      title: "Kill the MCP server: its notes are gone with its memory, but the session's id still works → 200",
      command: `kill -9 ${pids.server}; sleep 1
mcp -H "mcp-session-id: $ID" -H 'authorization: Bearer alice' -d '${call("list_notes")}'`,
      expect: /notebook is empty/,
      statuses: [200],
    },
  ];
}
