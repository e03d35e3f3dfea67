// `fetch` whose failures say why. Deno's own say "fetch failed" and keep the reason (no such name, connection refused, a
// certificate that is not trusted) in a cause that no log shows. The reason is told without the address, whose query may
// hold what is nobody's business. And whose aborts arrive: Deno tells a body of one only as long as the response has not
// been collected, and whoever reads a body holds that alone, so that it would wait for ever behind its time-out.

const responses = new WeakMap<ReadableStream, Response>();

/** The response, alive as long as its body is. */
export function keptWithBody(response: Response): Response {
  if (response.body !== null) responses.set(response.body, response);
  return response;
}

/** As `fetch`. @throws TypeError that says why nothing came */
export const outgoingFetch: typeof fetch = async (input, init) => {
  try {
    return keptWithBody(await fetch(input, init));
  } catch (error) {
    throw withReason(error);
  }
};

/** As Bun ends its messages: with the whole address, and with what is no remedy here. */
const OF_BUN = /(?: fetching "[^"]*")?\. For more information, pass `verbose: true`.*$/s;

/** The same failure, with the reason as its message; anything else as it is. */
export function withReason(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  if (OF_BUN.test(error.message)) return withMessage(error, error.message.replace(OF_BUN, ""));
  if (!(error.cause instanceof Error)) return error;
  const reason = error.cause.message.replace(/^error sending request [^()]*\([^()]*\): /, "");
  if (/:\/\//.test(reason)) return error;
  return new TypeError(reason, { cause: error.cause });
}

/** Without a cause, which would be the message again. */
function withMessage(error: TypeError, message: string): TypeError {
  const { code } = error as { code?: unknown };
  return Object.assign(new TypeError(message), code === undefined ? {} : { code });
}
