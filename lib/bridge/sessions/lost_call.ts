// What a client that resumes is told of a call whose answer has gone with an earlier process (docs/behaviour.md B9).
import { idText } from "../../mcp/messages/json_rpc.ts";
import { SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { errorWithId } from "../../mcp/messages/rpc_fault.ts";
import { idAt } from "../peer/message_ids.ts";

const LOST_CALL = {
  code: SERVER_ERROR,
  message: "The answer was lost when Signet was restarted; whether the call has run is not known",
};

/** @param call its id's bytes, as the client wrote them, in hexadecimal. @returns undefined for what is no id */
export function lostCall(call: string): Uint8Array | undefined {
  const id = Uint8Array.fromHex(call);
  return isPlainId(id) ? errorWithId(id, LOST_CALL) : undefined;
}

/** Whether the bytes, which a client may have made up, are an id in its one plain spelling. */
function isPlainId(bytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(bytes);
  try {
    const id = idAt(bytes, { start: 0, end: bytes.length });
    return id !== undefined && idText(id) === text;
  } catch {
    return false;
  }
}
