// The token that opens the operators' API where loopback alone does not (P1). It prints as nothing; comparing takes the same
// time wherever two tokens differ, and whatever their lengths.
import { hash, timingSafeEqual } from "../platform/runtime/builtin.ts";

/** The least that can be a token, in characters: what 16 random bytes have in hexadecimal. */
const MIN_ADMIN_TOKEN_LENGTH = 32;

/** RFC 6750 §2.1, b64token: what an Authorization field can carry. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Why a text cannot be an admin token; undefined if it can. Does not quote it. */
export function adminTokenProblem(text: string): string | undefined {
  if (text.length < MIN_ADMIN_TOKEN_LENGTH) {
    return `the admin token has ${text.length} characters, at least ${MIN_ADMIN_TOKEN_LENGTH} are wanted`;
  }
  return B64TOKEN.test(text) ? undefined : "the admin token holds characters no bearer token has (RFC 6750 §2.1)";
}

export class AdminToken {
  readonly #text: string;
  readonly #digest: Uint8Array;

  /** @throws RangeError if it has an {@link adminTokenProblem} */
  constructor(text: string) {
    const problem = adminTokenProblem(text);
    if (problem !== undefined) throw new RangeError(problem);
    this.#text = text;
    this.#digest = digestOf(text);
  }

  /** Whether an Authorization field shows it. */
  matches(authorization: string | null): boolean {
    // RFC 9110 §11.1: schemes are case-insensitive.
    const presented = /^bearer +(.+)$/i.exec(authorization ?? "")?.[1];
    return presented !== undefined && timingSafeEqual(digestOf(presented), this.#digest);
  }

  /** For the Authorization field of a request to the operators' API, and nothing else. */
  authorization(): string {
    return `Bearer ${this.#text}`;
  }

  toString(): string {
    return "AdminToken(hidden)";
  }

  toJSON(): string {
    return this.toString();
  }
}

function digestOf(text: string): Uint8Array {
  return hash("sha256", text, "buffer");
}
