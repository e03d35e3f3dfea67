// One stateless request in hand, and the call at the peer that runs it: a request that waits for its client is over, and
// its call goes on without one. Types only.
import type { Charge } from "../../http1/byte_account.ts";
import type { Filter } from "../../mcp/eras/between_eras.ts";
import type { PlacedText } from "../../mcp/json/placed_text.ts";
import type { LogLevel } from "../../mcp/log_levels.ts";
import type { RpcRequest } from "../../mcp/messages/json_rpc.ts";
import type { Acceptance } from "../answers/acceptance.ts";
import type { PostAnswer } from "../answers/post_answer.ts";
import type { Carrier, Message, Peer } from "../peer/peer.ts";
import type { KeptAnswers } from "./rounds/kept_answers.ts";
import type { ParkedQuestions } from "./rounds/parked_questions.ts";
import type { ParkedPlace } from "./rounds/parking.ts";
import type { Addresses } from "./rounds/url_questions.ts";

export interface StatelessPost extends Carrier, PlacedText {
  readonly request: RpcRequest;
  readonly accepts: Acceptance;
}

/** A request in the words of the sessions' era. */
export type Translated = Carrier & PlacedText;

/** One request in hand. Of its text nothing is kept once it is on its way. */
export interface Exchange {
  readonly method: string;
  readonly answer: PostAnswer;
  /** The client's id and progress token as it wrote them. */
  readonly id: Uint8Array;
  readonly token: Uint8Array | undefined;
  /** What it wants to hear of that is logged; undefined: nothing. */
  readonly logLevel: LogLevel | undefined;
  /** What runs it; undefined while it waits, or if it is answered from here. */
  running: Run | undefined;
  /** What it is told of, if it is a subscription answered from here. */
  filter: Filter | undefined;
  /** Whether it is a subscription that its client knows to have begun. */
  acknowledged: boolean;
  /** What it takes to make the call once more, whose client says that what had to be opened is. */
  reopened: Reopening | undefined;
}

export interface Reopening {
  readonly addresses: Addresses;
  readonly post: Translated;
  readonly charge: Charge;
  /** While its server is given time. */
  stopWaiting: (() => void) | undefined;
}

/** A call at its peer. */
export interface Run {
  readonly peer: Peer;
  readonly ownId: number;
  readonly method: string;
  /** The request that it answers; undefined while its client has been asked, and has not come back. */
  exchange: Exchange | undefined;
  /** What the peer wants to know of the client. */
  questions: ParkedQuestions | undefined;
  /** For as long as it may have to wait for its client. */
  place: ParkedPlace | undefined;
  /** Ends the gathering of questions. */
  cancelGathering: (() => void) | undefined;
  /** The peer's answer, which came while nobody waited for it. */
  kept: Message | undefined;
  /** What its client has said already, where it is a call made again. */
  readonly answers: KeptAnswers | undefined;
}
