// The official clients as a host uses them that offers nothing itself: no roots, no model, nobody to ask. What a server
// would do otherwise for one that offers roots (server-filesystem takes them in place of its own folder) it does not do.
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const INFO = { name: "plain-client", version: "1.0.0" };

export interface PlainClient extends AsyncDisposable {
  /** The whole result, as JSON. */
  call(name: string, args: Record<string, unknown>): Promise<string>;
  listTools(): Promise<string[]>;
}

export const PLAIN_CLIENTS: Readonly<Record<string, (url: string) => Promise<PlainClient>>> = {
  async v1(url) {
    const client = new ClientV1(INFO);
    // The SDK's own types disagree with themselves under exactOptionalPropertyTypes.
    await client.connect(new TransportV1(new URL(url)) as unknown as Parameters<ClientV1["connect"]>[0]);
    return {
      call: async (name, args) => JSON.stringify(await client.callTool({ name, arguments: args })),
      listTools: async () => (await client.listTools()).tools.map(({ name }: { name: string }) => name),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
  async v2(url) {
    const client = new ClientV2(INFO);
    await client.connect(new TransportV2(new URL(url)));
    return {
      call: async (name, args) => JSON.stringify(await client.callTool({ name, arguments: args })),
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
};
