// Which era a message belongs to, told from its body: `initialize` and the `_meta` envelope (docs/protocol.md 27).
// The version header only decides where a body says nothing; `Mcp-Method` never decides.
import { SignetError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import {
  type Parsed,
  type RpcBatch,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
} from "../messages/json_rpc.ts";
import { invalid } from "../messages/message_shape.ts";
import { isModernEnvelope, META_PROTOCOL_VERSION, metaOf } from "./modern.ts";
import { claimsModernEra } from "./revisions.ts";

/** What a POST body is, once its era is known. */
export type Classified =
  /** The legacy handshake: the only message that opens a session. */
  | { readonly era: "legacy"; readonly kind: "initialize"; readonly request: RpcRequest }
  /** Anything that belongs to a session. */
  | { readonly era: "legacy"; readonly kind: "message"; readonly message: RpcMessage | RpcBatch }
  /** A stateless request or notification; not yet checked: see `assertModern`. */
  | { readonly era: "modern"; readonly message: RpcRequest | RpcNotification };

/** Whether `params._meta` names a protocol version: a claim, valid or not, that this is a stateless message. */
function claimsEnvelope(message: RpcRequest | RpcNotification): boolean {
  const meta = metaOf(message.params);
  return meta !== undefined && Object.hasOwn(meta, META_PROTOCOL_VERSION);
}

function classifyBatch(batch: RpcBatch): Classified {
  for (const message of batch.messages) {
    if (message.kind === "response") continue;
    if (message.method === "initialize") throw invalid("initialize must not stand in a batch");
    if (claimsEnvelope(message)) throw invalid("revision 2026-07-28 has no batches");
  }
  return { era: "legacy", kind: "message", message: batch };
}

/** A legacy handshake carries no envelope; one that claims the modern era in its header contradicts itself. */
function classifyInitialize(request: RpcRequest, versionHeader: string | undefined): Classified {
  if (isModernEnvelope(request.params)) return { era: "modern", message: request };
  if (versionHeader !== undefined && claimsModernEra(versionHeader)) {
    throw new SignetError("header_mismatch", {
      publicMessage: "Headers and body do not agree: initialize belongs to revisions before 2026-07-28",
    });
  }
  return { era: "legacy", kind: "initialize", request };
}

/**
 * Tells the era and, within the legacy era, the handshake from the rest.
 * @param versionHeader `MCP-Protocol-Version`, if the request has exactly one
 * @throws SignetError `invalid_request` (a batch with initialize or a stateless element; initialize without an id),
 * `header_mismatch` (initialize under a modern version header)
 */
export function classify(parsed: Parsed, versionHeader: string | undefined): Classified {
  if (parsed.kind === "batch") return classifyBatch(parsed);
  if (parsed.kind === "response") return { era: "legacy", kind: "message", message: parsed };
  if (parsed.method === "initialize") {
    if (parsed.kind !== "request") throw invalid("initialize must be a request");
    return classifyInitialize(parsed, versionHeader);
  }
  if (claimsEnvelope(parsed) || (versionHeader !== undefined && claimsModernEra(versionHeader))) {
    return { era: "modern", message: parsed };
  }
  return { era: "legacy", kind: "message", message: parsed };
}

/** What a client says of itself when it opens a session (MCP 2025-11-25, Lifecycle, "Initialization"). */
export interface InitializeParams {
  readonly protocolVersion: string;
  readonly capabilities: JsonObject;
  readonly clientInfo: JsonObject;
}

/** @throws SignetError `invalid_params` if a member is missing or of the wrong type */
export function readInitializeParams(request: RpcRequest): InitializeParams {
  const { protocolVersion, capabilities, clientInfo } = request.params ?? {};
  if (typeof protocolVersion === "string" && isJsonObject(capabilities) && isJsonObject(clientInfo)) {
    return { protocolVersion, capabilities, clientInfo };
  }
  throw new SignetError("invalid_params", {
    publicMessage: "Invalid params: initialize needs protocolVersion (text), capabilities and clientInfo (objects)",
  });
}
