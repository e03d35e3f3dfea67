// What a JSON-RPC error says; and failures as such errors, for answers that have begun: a status cannot tell any more (docs/behaviour.md B9).
import { SignetError } from "../errors.ts";

export interface RpcFault {
  readonly code: number;
  readonly message: string;
}

/** As the responder would put it: the public message of a refusal, and nothing of anything else. */
export function rpcFaultOf(error: unknown): RpcFault {
  if (error instanceof SignetError) return { code: error.kind.rpcCode, message: error.message };
  return { code: -32000, message: "Bad gateway: the MCP server cannot be reached" };
}
