// What the sessions' era has and a stateless server has not, answered in its place: ping, log levels, subscriptions to
// resources (docs/behaviour.md S2). Levels and subscriptions stand in what the server is asked from then on.
import type { Carrier, Message } from "../../bridge/peer/peer.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember, stringAt } from "../../mcp/json/json_text.ts";
import { levelOf, LOG_LEVELS, type LogLevel } from "../../mcp/log_levels.ts";
import { INVALID_PARAMS, METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import type { JsonObject } from "../../platform/json.ts";
import { peerFields } from "../peer_fields.ts";
import type { StatelessListening } from "./stateless_listening.ts";

export class SessionMethods {
  readonly #listening: () => StatelessListening;
  #logLevel: LogLevel | undefined;

  constructor(listening: () => StatelessListening) {
    this.#listening = listening;
  }

  /** As the client has set it. */
  get logLevel(): LogLevel | undefined {
    return this.#logLevel;
  }

  /** What a stateless server has no method for; undefined if it is asked. */
  answer(method: string, text: Uint8Array, carrier: Carrier): Promise<Message> | undefined {
    switch (method) {
      case "ping":
        return Promise.resolve(resultMessage());
      case "logging/setLevel":
        return Promise.resolve(
          this.#setLevel(levelOf(stringAt(text, findMember(text, "level", findMember(text, "params"))))),
        );
      case "resources/subscribe":
      case "resources/unsubscribe":
        return this.#changeSubscription(method, text, carrier);
      default:
        return method.startsWith("tasks/")
          ? Promise.resolve(errorMessage(METHOD_NOT_FOUND, `Method not found: the MCP server has no ${method}`))
          : undefined;
    }
  }

  /** It stands in each request from then on: one that the server does not know would spoil them all. */
  #setLevel(level: LogLevel | undefined): Message {
    if (level === undefined) {
      return errorMessage(INVALID_PARAMS, `Invalid params: level must be one of ${LOG_LEVELS.join(", ")}`);
    }
    this.#logLevel = level;
    return resultMessage();
  }

  async #changeSubscription(method: string, text: Uint8Array, carrier: Carrier): Promise<Message> {
    const uri = stringAt(text, findMember(text, "uri", findMember(text, "params")));
    if (uri === undefined) return errorMessage(INVALID_PARAMS, "Invalid params: uri must be text");
    const fields = peerFields(carrier.fields);
    const listening = this.#listening();
    if (method === "resources/unsubscribe") {
      await listening.unsubscribe(uri, fields);
      return resultMessage();
    }
    if (await listening.subscribe(uri, fields)) return resultMessage();
    return errorMessage(INVALID_PARAMS, "Invalid params: the MCP server does not tell of changes of this resource");
  }
}

function resultMessage(): Message {
  return messageOf({ jsonrpc: "2.0", id: 0, result: {} });
}

function errorMessage(code: number, message: string): Message {
  return messageOf({ jsonrpc: "2.0", id: 0, error: { code, message } });
}

function messageOf(value: JsonObject): Message {
  return { value, line: encodeJson(value) };
}
