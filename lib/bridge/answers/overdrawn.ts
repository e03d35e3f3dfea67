// Answers must go out, so more may wait for their readers than there is room for (docs/behaviour.md M6). Then whatever
// would bring further ones has to wait.
import type { ByteAccount } from "../../http1/byte_account.ts";
import type { ClientResponse } from "../../http1/types.ts";
import type { RpcId } from "../../mcp/messages/json_rpc.ts";
import { SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { errorAnswer } from "./http_answer.ts";

/** What a call, or a stream, is refused with while more is held than may be; undefined where it is not. */
export function refusalIfOverdrawn(account: ByteAccount, id: RpcId | null): ClientResponse | undefined {
  if (!account.isOverdrawn) return undefined;
  return errorAnswer("request_limit", {
    id,
    code: SERVER_ERROR,
    message: "Too many bytes wait for this caller to read them",
  });
}
