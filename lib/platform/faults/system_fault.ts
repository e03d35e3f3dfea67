// What the system said no with, by one name, whichever interface or runtime brought the news: `node:` built-ins say it by a
// code ("ENOENT"), Deno's own by the class of the error ("NotFound").

/** The faults that lib tells apart. */
export type SystemFault =
  | "AddrInUse"
  | "AddrNotAvailable"
  | "AlreadyExists"
  | "BrokenPipe"
  | "ConnectionRefused"
  | "FileTooLarge"
  | "InvalidData"
  | "IsADirectory"
  | "NoSpace"
  | "NotCapable"
  | "NotFound"
  | "PermissionDenied"
  | "ReadOnly"
  | "TimedOut";

const BY_CODE: Readonly<Record<string, SystemFault>> = {
  EACCES: "PermissionDenied",
  EADDRINUSE: "AddrInUse",
  EADDRNOTAVAIL: "AddrNotAvailable",
  ECONNREFUSED: "ConnectionRefused",
  EDQUOT: "NoSpace",
  EEXIST: "AlreadyExists",
  EFBIG: "FileTooLarge",
  EISDIR: "IsADirectory",
  ENOENT: "NotFound",
  ENOSPC: "NoSpace",
  EPERM: "PermissionDenied",
  EPIPE: "BrokenPipe",
  EROFS: "ReadOnly",
  ETIMEDOUT: "TimedOut",
  ERR_ENCODING_INVALID_ENCODED_DATA: "InvalidData",
};

const BY_NAME: ReadonlySet<string> = new Set(Object.values(BY_CODE)).add("NotCapable");

/** The fault that `error` tells of; undefined if it is none of {@link SystemFault}. */
export function systemFault(error: unknown): SystemFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  const byCode = typeof code === "string" ? BY_CODE[code] : undefined;
  if (byCode !== undefined) return byCode;
  return BY_NAME.has(error.name) ? error.name as SystemFault : undefined;
}

const NOT_NOW: ReadonlySet<unknown> = new Set(["EAGAIN", "WouldBlock", "EINTR", "Interrupted"]);

/** Whether there is no room, or nothing to read, at the moment: nothing is lost by trying the same bytes again. */
export function isOnlyNow(error: unknown): boolean {
  return NOT_NOW.has(faultCode(error));
}

/** The system's code ("EPIPE"), or the name of Deno's class ("BrokenPipe"); undefined of what is no Error. */
export function faultCode(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return (error as { readonly code?: unknown }).code ?? error.name;
}

/** ` (ENOTDIR)`, where the system gave a code: behind what is said of all that has no words of its own. */
export function codeInBrackets(error: unknown): string {
  const code = faultCode(error);
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? ` (${code})` : "";
}

/** A fault found here, in the form of those that `node:` built-ins throw. */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
