// What a peer is answered from here, where no client is asked.
import { idText, type RpcId } from "../../mcp/messages/json_rpc.ts";

const encoder = new TextEncoder();

/** The answer to what the peer asks. @param result a JSON text */
export function peerResult(id: RpcId, result: string): Uint8Array {
  return encoder.encode(`{"jsonrpc":"2.0","id":${idText(id)},"result":${result}}`);
}

export function pong(id: RpcId): Uint8Array {
  return peerResult(id, "{}");
}
