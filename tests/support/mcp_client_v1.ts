// The official client of SDK 1.x.
import { Client } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import {
  ANSWERS,
  type CallOptions,
  firstText,
  type Handlers,
  requestOptions,
  type RpcNotification,
  type SdkClient,
} from "./mcp_client_contract.ts";
import type { Wire } from "./mcp_wire.ts";

interface V1Options {
  readonly handlers: Handlers;
  readonly wire: Wire;
  readonly headers: Readonly<Record<string, string>>;
}

function answerQuestions(client: Client): void {
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: "assistant",
    model: "test",
    content: { type: "text", text: ANSWERS.sample },
  }));
  client.setRequestHandler(
    ElicitRequestSchema,
    () => ({ action: "accept", content: { answer: ANSWERS.elicit, name: ANSWERS.elicit } }),
  );
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: ANSWERS.root, name: "work" }] }));
}

class V1Client implements SdkClient {
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
    return this.#transport.protocolVersion;
  }

  async call(name: string, args: Record<string, unknown> = {}, options: CallOptions = {}): Promise<string> {
    return firstText(
      (await this.#client.callTool({ name, arguments: args }, undefined, requestOptions(options))).content,
    );
  }

  async listTools(): Promise<string[]> {
    return (await this.#client.listTools()).tools.map((tool) => tool.name);
  }

  async listResources(): Promise<string[]> {
    return (await this.#client.listResources()).resources.map((resource) => resource.uri);
  }

  async readResource(uri: string): Promise<string> {
    return firstText((await this.#client.readResource({ uri })).contents);
  }

  async subscribe(uri: string): Promise<void> {
    await this.#client.subscribeResource({ uri });
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

export async function connectV1(url: string, options: V1Options): Promise<SdkClient> {
  const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
  const client = new Client({ name: "signet-test-v1", version: "1.0.0" }, { capabilities });
  answerQuestions(client);
  client.fallbackNotificationHandler = (notification: RpcNotification) => {
    options.handlers.onNotification(notification);
    return Promise.resolve();
  };
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: options.wire.fetch,
    requestInit: { headers: options.headers },
  });
  await client.connect(transport);
  return new V1Client(client, transport);
}
