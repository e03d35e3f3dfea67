// What a client that resumes is told of a call whose answer has gone with an earlier process (docs/behaviour.md B9).
import { idText, type RpcId } from "../../mcp/messages/json_rpc.ts";
import { SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { errorWithId } from "../../mcp/messages/rpc_fault.ts";
import { idAt } from "../peer/message_ids.ts";

const LOST_CALL = {
  code: SERVER_ERROR,
  message: "The answer was lost when Signet was restarted; whether the call has run is not known",
};

/** A call whose answer is lost, and what its client is told. */
export interface LostCall {
  readonly id: RpcId;
  readonly answer: Uint8Array;
}

/** @param call its id's bytes, as the client wrote them, in hexadecimal. @returns undefined for what is no id */
export function lostCall(call: string): LostCall | undefined {
  const bytes = Uint8Array.fromHex(call);
  const id = plainIdIn(bytes);
  return id === undefined ? undefined : { id, answer: errorWithId(bytes, LOST_CALL) };
}

/** The id that the bytes, which a client may have made up, are the one plain spelling of. */
function plainIdIn(bytes: Uint8Array): RpcId | undefined {
  const text = new TextDecoder().decode(bytes);
  try {
    const id = idAt(bytes, { start: 0, end: bytes.length });
    return id !== undefined && idText(id) === text ? id : undefined;
  } catch {
    return undefined;
  }
}
