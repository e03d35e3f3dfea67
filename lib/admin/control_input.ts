// What a request to the operators' API says: JSON objects and queries, read strictly. Whatever is not expected is refused,
// because a misspelt member could widen what is revoked. No message quotes a value: it may be a token or an id.
import { SignetError } from "../errors.ts";
import { namesMemberTwice } from "../mcp/json/json_text.ts";
import { parseJson } from "../platform/json.ts";
import { GatheredBytes } from "../platform/memory/gathered_bytes.ts";

/** No request comes near: an agent has at most 512 characters, an id at most some thousands. */
const MAX_BODY_BYTES = 64 * 1024;

function refuse(publicMessage: string, remedy: string): SignetError {
  return new SignetError("invalid_request", { publicMessage, remedy });
}

/** Members of an object, each to be asked for by name; {@link end} refuses those that were not. */
export class Members {
  readonly #members: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();

  constructor(members: ReadonlyMap<string, unknown>) {
    this.#members = members;
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** @throws SignetError `invalid_request` unless it is a text */
  text(name: string): string {
    const text = this.optionalText(name);
    if (text === undefined) throw refuse(`The member ${name} is missing`, `Add ${name}, a text.`);
    return text;
  }

  optionalText(name: string): string | undefined {
    const value = this.#ask(name);
    if (value === undefined || typeof value === "string") return value;
    throw refuse(`The member ${name} is no text`, `Write ${name} as a JSON string.`);
  }

  /** @throws SignetError `invalid_request` unless it is a whole number ≥ 0 */
  integer(name: string): number {
    const value = this.optionalInteger(name);
    if (value === undefined) throw refuse(`The member ${name} is missing`, `Add ${name}, a whole number.`);
    return value;
  }

  optionalInteger(name: string): number | undefined {
    const value = this.#ask(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw refuse(`The member ${name} is no whole number`, `Write ${name} as a JSON number from 0.`);
  }

  /** @throws SignetError `invalid_request` if there are members nobody asked for */
  end(): void {
    const stray = [...this.#members.keys()].filter((name) => !this.#asked.has(name));
    if (stray.length === 0) return;
    const known = [...this.#asked].join(", ");
    throw refuse(
      stray.length === 1 ? "The request has a member that is not known" : "The request has members that are not known",
      known === "" ? "Leave it out." : `There are: ${known}.`,
    );
  }

  #ask(name: string): unknown {
    this.#asked.add(name);
    return this.#members.get(name);
  }
}

/**
 * The JSON object of a request's body.
 * @throws SignetError `media_type_unsupported`, `body_too_large`, `parse_error`, `invalid_request`
 */
export async function readMembers(request: Request): Promise<Members> {
  // A page cannot send this type to another origin without being asked first (Fetch standard, CORS-preflight).
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? "")) {
    throw new SignetError("media_type_unsupported");
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readBounded(request));
    value = parseJson(text);
  } catch (error) {
    if (error instanceof SignetError) throw error;
    throw new SignetError("parse_error");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse("The body is no JSON object", 'Write an object such as {"agent": "…"}');
  }
  if (namesMemberTwice(text)) throw refuse("The body names a member twice", "Name each once.");
  return new Members(new Map(Object.entries(value)));
}

async function readBounded(request: Request): Promise<Uint8Array> {
  const body = new GatheredBytes();
  // Leaving the loop early cancels the body.
  for await (const chunk of request.body ?? []) {
    if (body.size + chunk.length > MAX_BODY_BYTES) throw new SignetError("body_too_large");
    body.add(chunk);
  }
  return body.take();
}

/** The query of a URL; whole numbers are numbers, as in a body. @throws SignetError `invalid_request` for a repeated name */
export function queryMembers(url: URL, numbers: readonly string[]): Members {
  const members = new Map<string, unknown>();
  for (const [name, text] of url.searchParams) {
    if (members.has(name)) throw refuse("The query names something twice", "Name each once.");
    members.set(name, numbers.includes(name) && /^\d{1,15}$/.test(text) ? Number(text) : text);
  }
  return new Members(members);
}
