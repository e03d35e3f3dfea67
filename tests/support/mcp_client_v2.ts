// The official client of SDK 2.x, in its default (legacy) mode, probing for the modern era, or in that alone.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  ANSWERS,
  type CallOptions,
  type ClientKind,
  firstText,
  type Handlers,
  requestOptions,
  type SdkClient,
} from "./mcp_client_contract.ts";
import type { Wire } from "./mcp_wire.ts";

interface V2Options {
  readonly kind: ClientKind;
  readonly handlers: Handlers;
  readonly wire: Wire;
  readonly headers: Readonly<Record<string, string>>;
}

function answerQuestions(client: Client): void {
  client.setRequestHandler("sampling/createMessage", () => ({
    role: "assistant",
    model: "test",
    content: { type: "text", text: ANSWERS.sample },
  }));
  client.setRequestHandler(
    "elicitation/create",
    () => ({ action: "accept", content: { answer: ANSWERS.elicit, name: ANSWERS.elicit } }),
  );
  client.setRequestHandler("roots/list", () => ({ roots: [{ uri: ANSWERS.root, name: "work" }] }));
}

class V2Client implements SdkClient {
  readonly #client: Client;
  readonly #transport: StreamableHTTPClientTransport;

  constructor(client: Client, transport: StreamableHTTPClientTransport) {
    this.#client = client;
    this.#transport = transport;
  }

  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  get protocolVersion(): string | undefined {
    return this.#client.getNegotiatedProtocolVersion();
  }

  async call(name: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<string> {
    const { logLevel } = options;
    const meta = logLevel && { _meta: { "io.modelcontextprotocol/logLevel": logLevel } };
    const result = await this.#client.callTool({ name, arguments: args, ...meta }, requestOptions(options));
    return firstText(result.content);
  }

  async listTools(): Promise<string[]> {
    return (await this.#client.listTools(undefined, { cacheMode: "bypass" })).tools.map((tool) => tool.name);
  }

  async listResources(): Promise<string[]> {
    return (await this.#client.listResources(undefined, { cacheMode: "bypass" })).resources.map(({ uri }) => uri);
  }

  async readResource(uri: string): Promise<string> {
    return firstText((await this.#client.readResource({ uri }, { cacheMode: "bypass" })).contents);
  }

  /** The modern era has no `resources/subscribe`: it listens, for lists as well. */
  async subscribe(uri: string): Promise<void> {
    if (this.#client.getProtocolEra() === "legacy") await this.#client.subscribeResource({ uri });
    else {await this.#client.listen({
        resourceSubscriptions: [uri],
        resourcesListChanged: true,
        toolsListChanged: true,
      });}
  }

  async prompt(name: string, args: Record<string, string>): Promise<string> {
    const { messages } = await this.#client.getPrompt({ name, arguments: args });
    return firstText(messages.map((message) => message.content));
  }

  async complete(prompt: string, argument: { name: string; value: string }): Promise<string[]> {
    return (await this.#client.complete({ ref: { type: "ref/prompt", name: prompt }, argument })).completion.values;
  }

  async setLogLevel(level: "debug" | "info" | "warning" | "error"): Promise<void> {
    await this.#client.setLoggingLevel(level);
  }

  async ping(): Promise<void> {
    await this.#client.ping();
  }

  async terminate(): Promise<void> {
    await this.#transport.terminateSession();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

export async function connectV2(url: string, options: V2Options): Promise<SdkClient> {
  const client = new Client({ name: `signet-test-${options.kind}`, version: "1.0.0" }, {
    capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } },
    ...(options.kind === "v2-auto" && { versionNegotiation: { mode: "auto" as const } }),
    ...(options.kind === "v2-modern" && { versionNegotiation: { mode: { pin: "2026-07-28" } } }),
  });
  answerQuestions(client);
  client.fallbackNotificationHandler = (notification) => {
    options.handlers.onNotification(notification);
    return Promise.resolve();
  };
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: options.wire.fetch,
    requestInit: { headers: { ...options.headers } },
  });
  await client.connect(transport);
  return new V2Client(client, transport);
}
