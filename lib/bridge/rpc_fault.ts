// What a JSON-RPC error says; and failures as such errors, for answers that have begun: a status cannot tell any more (docs/behaviour.md B9).
import { rpcCodeFor, SignetError } from "../errors.ts";

export interface RpcFault {
  readonly code: number;
  readonly message: string;
}

/** As the responder would put it: the public message of a refusal, and nothing of anything else. */
export function rpcFaultOf(error: unknown, isStateless = false): RpcFault {
  const { kind, message } = error instanceof SignetError ? error : new SignetError("upstream_unreachable");
  return { code: rpcCodeFor(kind, isStateless), message };
}
