// A socket that brings nothing by itself and takes whatever is written, and somebody who wants to hear of nothing: for tests
// that hand a stream its bytes themselves.
import type { StreamOwner } from "../../lib/http1/wire/streams/byte_stream.ts";
import type { Socket } from "../../lib/platform/sockets/socket.ts";

export const STILL_SOCKET: Socket = {
  takesAtOnce: true,
  own() {},
  read() {},
  write: (_bytes, from, to) => to - from,
  closeWrite: () => Promise.resolve(),
  close() {},
};

export const DEAF_OWNER: StreamOwner = { onData() {}, onEnd() {}, onReadFailed() {}, onWriteFailed() {} };
