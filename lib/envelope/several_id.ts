// What a session over several servers is called inside an envelope: who its members are, under which names, and what each
// calls the session (docs/behaviour.md A1, E3; tests/vectors/FORMAT.md §5). It stands where one server's own id would,
// so that the payload is one format for both. One spelling each: only what is encoded here decodes.

/** One server of a session, as it was when the session was opened. */
export interface SealedMember {
  /** The name its tools and resources go by: unique in the session, and fixed for as long as it lives. */
  readonly name: string;
  /** The configured address. */
  readonly url: string;
  /** What leads back to its own session: an `Mcp-Session-Id`. Undefined where it gave none, or was not there. */
  readonly state: string | undefined;
}

export interface SeveralId {
  /** Random letters and digits: tells sessions apart whose members gave no ids. */
  readonly run: string;
  /** Between the name of a member and that of its tool. */
  readonly separator: string;
  /** In the order of the lists. */
  readonly members: readonly SealedMember[];
}

/** In the payload, where the address of a single server would stand. */
export const SEVERAL_URL = "several:";

/** The most members a session can have. */
export const MAX_MEMBERS = 64;
/** A member's name: fit for a tool's name, and, with dots for underscores, for the scheme of a URI. */
export const MEMBER_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;
export const NAME_SEPARATOR = /^[_-]{1,3}$/;

const RUN = /^[0-9a-z]{16,32}$/;
/** What separates, what escapes, and what is no visible ASCII. */
const RESERVED = /[^\x21-\x7e]|[%,;]/gu;

/** @throws TypeError for what breaks a rule above */
export function encodeSeveralId({ run, separator, members }: SeveralId): string {
  require(RUN.test(run), "run", "16 to 32 letters and digits");
  require(NAME_SEPARATOR.test(separator), "separator", "one to three of _ and -");
  require(members.length > 0 && members.length <= MAX_MEMBERS, "members", `1 to ${MAX_MEMBERS}`);
  require(new Set(members.map(({ name }) => name)).size === members.length, "members", "each name once");
  const parts = members.map(({ name, url, state }) => {
    require(MEMBER_NAME.test(name), "a member's name", "a letter, then letters, digits, _ and -");
    require(url !== "", "a member's url", "one");
    return [name, escape(url), ...(state === undefined ? [] : [escape(state)])].join(",");
  });
  return [run + separator, ...parts].join(";");
}

/** What `text` says; undefined if it is not the one spelling of anything. */
export function decodeSeveralId(text: string): SeveralId | undefined {
  const [head = "", ...parts] = text.split(";");
  const separator = /[_-]*$/.exec(head)![0];
  const run = head.slice(0, head.length - separator.length);
  try {
    const members = parts.map((part): SealedMember => {
      const [name = "", url = "", state, more] = part.split(",");
      require(more === undefined, "a member", "a name, a url and a state");
      return {
        name,
        url: decodeURIComponent(url),
        state: state === undefined ? undefined : decodeURIComponent(state),
      };
    });
    const id = { run, separator, members };
    return encodeSeveralId(id) === text ? id : undefined;
  } catch {
    return undefined; // malformed escapes, or a rule that is broken
  }
}

function escape(text: string): string {
  return text.replace(RESERVED, (part) => part === "," ? "%2C" : encodeURIComponent(part.toWellFormed()));
}

function require(holds: boolean, what: string, wanted: string): asserts holds {
  if (!holds) throw new TypeError(`sealing a session of several servers: found ${what} unfit, want ${wanted}`);
}
