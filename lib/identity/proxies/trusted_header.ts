// The principal a trusted proxy names in a header field (docs/behaviour.md I1). Only the TCP peer's address decides
// whether it is believed: a field that comes from anywhere else is no credential at all. The gateway strips it in any
// case (I4).
import { Buffer } from "node:buffer";
import { LruMap } from "../../platform/memory/lru_map.ts";
import type { CidrList } from "../../platform/network/cidr.ts";
import { malformed, NONE } from "../identifications.ts";
import type { CredentialView, Identification, PrincipalSource } from "../principal.ts";
import { TrustedPeers } from "./trusted_peers.ts";

export interface TrustedHeaderOptions {
  /** Field name, any letter case. */
  readonly header: string;
  /** Addresses of the proxies that may send it. */
  readonly peers: CidrList;
  /** Principals kept so that a caller is the same object again and again. Default 10,000. */
  readonly maxRemembered?: number;
}

const MAX_SUBJECT_LENGTH = 1_024;

/** Of a mark at its beginning, too: without it, it would be another name. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class TrustedHeaderSource implements PrincipalSource {
  readonly name = "header";
  /** Lower-case name of the field. */
  readonly header: string;
  readonly fields: readonly string[];
  readonly #peers: TrustedPeers;
  readonly #principals: LruMap<Identification>;
  readonly #repeated: Identification;
  readonly #blank: Identification;
  readonly #tooLong: Identification;
  readonly #notUtf8: Identification;

  constructor(options: TrustedHeaderOptions) {
    this.header = options.header.toLowerCase();
    this.fields = [this.header];
    this.#peers = new TrustedPeers(options.peers);
    this.#principals = new LruMap({ max: options.maxRemembered ?? 10_000 });
    this.#repeated = malformed(`${this.header} is sent more than once`);
    this.#blank = malformed(`${this.header} is blank`);
    this.#tooLong = malformed(`${this.header} is longer than ${MAX_SUBJECT_LENGTH} bytes`);
    this.#notUtf8 = malformed(`${this.header} is not in UTF-8`);
  }

  get remembered(): number {
    return this.#principals.size;
  }

  identify(view: CredentialView): Identification {
    const count = view.count(this.header);
    if (count === 0 || !this.#peers.trusts(view.remoteAddress)) return NONE;
    if (count > 1) return this.#repeated;
    const value = view.get(this.header) ?? "";
    if (value.length > MAX_SUBJECT_LENGTH) return this.#tooLong;
    return this.#principals.get(value) ?? this.#read(value);
  }

  /**
   * The name in UTF-8, as proxies send it, rules know it and operators type it. What is none is nobody's: read as Latin-1 it
   * could be somebody's whose name came in UTF-8.
   */
  #read(value: string): Identification {
    // A copy: the value may be a slice of a whole request head, which would stay in memory with it.
    const bytes = Buffer.from(value, "latin1");
    let subject: string;
    try {
      subject = decoder.decode(bytes);
    } catch {
      return this.#notUtf8;
    }
    // The name itself stays as it came: trimmed of what only looks like a blank (NBSP), it would be somebody else's.
    if (subject.trim() === "") return this.#blank;
    const answer: Identification = {
      kind: "principal",
      principal: { source: this.name, issuer: "signet:header", subject, scopes: [], expiresAtMs: Infinity },
    };
    this.#principals.set(bytes.toString("latin1"), answer);
    return answer;
  }
}
