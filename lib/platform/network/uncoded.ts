// Asking by `fetch` for an answer as it is, without a content coding (RFC 9110 §8.4): undoing one is more for the other side
// to get at, and Bun writes what goes wrong with it straight to standard error, past the log.

/** `init` with that wish. Bun is told not to undo what comes all the same; no other runtime knows the word. */
export function uncoded(init: RequestInit): RequestInit {
  const headers = new Headers(init.headers);
  headers.set("accept-encoding", "identity");
  return { ...init, headers, decompress: false } as RequestInit;
}

/** Whether an answer has a coding for all that. */
export function isCoded({ headers }: Response): boolean {
  const coding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  return coding !== "" && coding !== "identity";
}
