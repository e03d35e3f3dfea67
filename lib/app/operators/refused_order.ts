// What an operator asks for that cannot be done as asked.
import { SignetError } from "../../errors.ts";

export function refusedOrder(publicMessage: string, remedy: string): SignetError {
  return new SignetError("invalid_params", { publicMessage, remedy });
}
