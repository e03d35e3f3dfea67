// What an error is called in the log. An executable's minifier renames classes, and libraries take an error's name from its
// class: their code ("ERR_JWKS_NO_MATCHING_KEY", "ECONNREFUSED") is the same on either runtime and in every build.

/** As libraries and systems write codes; those of Signet's own errors are in small letters. */
const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/;

/** Its code, or its name where it has none. */
export function errorName(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && CODE.test(code) ? code : error.name;
}

/**
 * `name: message`, for the log; whatever is no Error as text. Of Signet's own, which have a code, the message says what was
 * attempted and what was found: a class is nothing to an operator.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const name = errorName(error);
  if (name === error.name && typeof (error as { code?: unknown }).code === "string") return error.message;
  // Some that have a code begin their message with it.
  return error.message.startsWith(`${name}: `) ? error.message : `${name}: ${error.message}`;
}
