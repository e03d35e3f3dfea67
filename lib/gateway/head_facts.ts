// What a request's head says to the gateway, found in one pass; and what has been found out about it by whoever was asked
// under the settings of the time. One for all requests of a connection whose heads are the same but for the length of
// the body and what changes in each (`CHANGING_FIELDS`: the session's id above all), so it holds nothing that depends on
// those or on anything else: each answer stands beside what it was got from.
import type { Fields, HeadNotes, RequestHead } from "../http1/types.ts";
import { listElements } from "../http1/wire/fields/fields.ts";
import { isMediaType, isUtf8 } from "../http1/wire/fields/media_type.ts";
import { claimsModernEra } from "../mcp/eras/revisions.ts";
import { HOP_FIELD } from "../replica/hop_proof.ts";
import type { Passage } from "../replica/passage.ts";
import type { Peer } from "../replica/peer.ts";
import type { ReceivedHead } from "../replica/replicas.ts";
import type { Caller } from "../session/caller.ts";

/** Fields that cross to the upstream, beside what they were got from: by which rules, for whom, what is remembered. */
export interface Crossing {
  readonly by: object;
  readonly caller: Caller;
  /** What sessions have sealed that crosses: undefined for all of those that have nothing, one session's own else. */
  readonly remembered: Readonly<Record<string, string>> | undefined;
  readonly transient: Fields;
  readonly fields: Fields;
  /** For whoever sends them. */
  readonly notes: HeadNotes;
}

/** The fields every step asks for. The engine refuses heads in which one is repeated (`SINGLETON_FIELDS`). */
export class HeadFacts {
  readonly authorization: string | undefined;
  readonly protocolVersion: string | undefined;
  readonly origin: string | undefined;
  readonly contentType: string | undefined;
  /** For whoever observes; nothing is decided by them. */
  readonly userAgent: string | undefined;
  readonly traceparent: string | undefined;
  /** What another replica proves that has passed it on, or asks; undefined of everybody else. */
  readonly hop: string | undefined;
  /** Lower-case names of fields that `Connection` takes away from whoever is next; most clients name none. */
  readonly takenAway: readonly string[];
  /**
   * `application/json` in UTF-8 and in no coding (RFC 9110 §8.3.1, §8.4): the server reads the very text that is judged
   * here.
   */
  readonly isJson: boolean;
  /** Whether its revision is of the stateless era, published or not. */
  readonly claimsModernEra: boolean;
  /** The guard that lets it in. */
  guardedBy: object | undefined = undefined;
  /** The parts at whose endpoint it asks, by a method that is taken there: nobody has to answer it but behind its caller. */
  atEndpointOf: object | undefined = undefined;
  /** What its connection remembers of its caller, if its credential is the one that is meant there. */
  proof: object | undefined = undefined;
  /** What of it crosses, and into which session. */
  crossing: Crossing | undefined = undefined;
  /** What it proves that another replica has passed it on with. */
  hopHead: ReceivedHead | undefined = undefined;
  /** How it is passed on, and to whom. */
  passage: { readonly to: Peer; readonly passage: Passage } | undefined = undefined;

  constructor(fields: Fields) {
    let authorization, protocolVersion, origin, contentType, coding, userAgent, traceparent, hop;
    let takenAway = NONE_TAKEN;
    for (let i = 0; i < fields.length; i += 2) {
      switch (fields[i]) {
        case "authorization":
          authorization = fields[i + 1];
          break;
        case "mcp-protocol-version":
          protocolVersion = fields[i + 1];
          break;
        case "origin":
          origin = fields[i + 1];
          break;
        case "content-type":
          contentType = fields[i + 1];
          break;
        case "content-encoding":
          coding = fields[i + 1];
          break;
        case "user-agent":
          userAgent = fields[i + 1];
          break;
        case "traceparent":
          traceparent = fields[i + 1];
          break;
        case HOP_FIELD:
          hop = fields[i + 1];
          break;
        case "connection":
          takenAway = takenBy(fields[i + 1]!, takenAway);
          break;
      }
    }
    this.authorization = authorization;
    this.protocolVersion = protocolVersion;
    this.origin = origin;
    this.contentType = contentType;
    this.userAgent = userAgent;
    this.traceparent = traceparent;
    this.hop = hop;
    this.takenAway = takenAway;
    this.isJson = contentType === "application/json" && coding === undefined || isPlainJson(contentType, coding);
    this.claimsModernEra = protocolVersion !== undefined && claimsModernEra(protocolVersion);
  }

  /** The same facts, of the same texts where those lie now. */
  settle(fields: Fields): void {
    const { guardedBy, proof, crossing } = this;
    Object.assign(this, new HeadFacts(fields), { guardedBy, proof, crossing });
  }
}

const NONE_TAKEN: readonly string[] = [];

/** One line more of Connection, which may have several. */
function takenBy(connection: string, before: readonly string[]): readonly string[] {
  if (connection === "keep-alive" || connection === "close") return before;
  const names = listElements(connection).filter((option) => option !== "close" && option !== "keep-alive");
  return names.length === 0 ? before : [...before, ...names];
}

function isPlainJson(contentType: string | undefined, coding = "identity"): boolean {
  return coding.trim().toLowerCase() === "identity" && contentType !== undefined &&
    isMediaType(contentType, "application/json") && isUtf8(contentType);
}

/** The facts of a head, kept with it where it is remembered. The gateway is the one who notes anything there. */
export function factsOf({ fields, notes }: RequestHead): HeadFacts {
  const known = notes?.value as HeadFacts | undefined;
  if (known !== undefined) return known;
  const facts = new HeadFacts(fields);
  if (notes !== undefined) notes.value = facts;
  return facts;
}
