// What came of the last initialize, for whoever asks whether the server works: that it connects proves little (P1).
import type { ErrorCode } from "../../../errors.ts";
import type { GatewayParts } from "../../parts.ts";
import { toSignetError } from "../../respond.ts";

/** Failures of the server, or of the way to it; all others say nothing of either. */
const OF_THE_SERVER: ReadonlySet<ErrorCode> = new Set(["upstream_unreachable", "upstream_timeout", "upstream_invalid"]);

/** The server's own no: a credential of the client's that it does not take, or a fault. */
export function noteRefused({ metrics }: GatewayParts, status: number): void {
  metrics.lastHandshake = `refused with status ${status}`;
}

/** @param error whatever ended an initialize before there was an answer to pass on */
export function noteFailed({ metrics }: GatewayParts, error: unknown): void {
  const { code } = toSignetError(error);
  if (OF_THE_SERVER.has(code)) metrics.lastHandshake = `failed: ${code}`;
}
