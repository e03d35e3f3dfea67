// What a JSON-RPC error says; and failures as such errors, for answers that have begun: a status cannot tell any more
// (docs/behaviour.md B9).
import { rpcCodeFor, SignetError } from "../../errors.ts";
import { encodeJson } from "../json/json_bytes.ts";
import { replaceSpan } from "../json/json_splice.ts";
import { findMember } from "../json/json_text.ts";

export interface RpcFault {
  readonly code: number;
  readonly message: string;
}

/** As the responder would put it: the public message of a refusal, and nothing of anything else. */
export function rpcFaultOf(error: unknown): RpcFault {
  const { kind, message } = refusalIn(error);
  return { code: rpcCodeFor(kind, false), message };
}

/** The same for a client without sessions, whose revision has codes of its own. */
export function statelessFaultOf(error: unknown): RpcFault {
  const { kind, message } = refusalIn(error);
  return { code: rpcCodeFor(kind, true), message };
}

function refusalIn(error: unknown): SignetError {
  return error instanceof SignetError ? error : new SignetError("upstream_unreachable");
}

/** An error response with the id as its client wrote it. */
export function errorWithId(id: Uint8Array, { code, message }: RpcFault): Uint8Array {
  const text = encodeJson({ jsonrpc: "2.0", id: 0, error: { code, message } });
  return replaceSpan(text, findMember(text, "id")!, id);
}
