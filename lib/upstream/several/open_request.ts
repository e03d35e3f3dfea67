// A request of the client's that is on its way to a member: who asked, who runs it under which id, and what of the answer
// is turned for the client.
import type { Asker, Carrier, Loss, Message, Peer } from "../../bridge/peer/peer.ts";
import type { Span } from "../../mcp/json/json_text.ts";
import { INVALID_PARAMS } from "../../mcp/messages/rpc_codes.ts";
import type { Asking, MemberLife } from "./members/member_life.ts";
import { type OutwardOf, outwardReply } from "./names/outward.ts";
import { isNotFound, type Subject, unknownWords } from "./names/subjects.ts";

/** Who holds open requests. */
export interface Requests {
  /** @returns whether it was there still */
  close(request: OpenRequest): boolean;
  isOpen(request: OpenRequest): boolean;
  /** Answers, if nobody has. */
  reply(request: OpenRequest, reply: Message): void;
  /** Answers with an error. */
  fail(request: OpenRequest, code: number, message: string): void;
}

/** As it came: on loan. */
export interface Routed {
  readonly text: Uint8Array;
  readonly method: string;
  readonly carrier: Carrier;
}

/** In memory of its own. */
export interface Kept extends Routed {
  readonly params: Span | undefined;
}

/** Where it goes, and what it is about. */
export interface Passing {
  readonly life: MemberLife;
  readonly method: string;
  readonly subject: Subject;
  readonly of: OutwardOf;
}

/** For the question whether a member is given a client's. */
const CREDENTIAL = ["authorization", ""];

export class OpenRequest implements Asking {
  readonly own: number;
  readonly asker: Asker;
  /** Its progress token, as a key. */
  readonly token: string | undefined;
  running: { readonly peer: Peer; readonly id: number } | undefined;
  readonly #requests: Requests;
  #passing: Passing | undefined;

  constructor(
    requests: Requests,
    of: { readonly own: number; readonly asker: Asker; readonly token: string | undefined },
  ) {
    this.#requests = requests;
    this.own = of.own;
    this.asker = of.asker;
    this.token = of.token;
  }

  /** Undefined where it is about no member in particular. */
  get life(): MemberLife | undefined {
    return this.#passing?.life;
  }

  pass(passing: Passing): void {
    this.#passing = passing;
  }

  readonly onReply = (reply: Message): Promise<void> | undefined => {
    const { life, method, subject, of } = this.#passing!;
    const hides = subject.what === "resource" && life.member.visible.resources.hides;
    if (hides && isNotFound(reply)) {
      // What is denied must look like what is not there, and so the other way round (A7).
      this.#requests.fail(this, INVALID_PARAMS, unknownWords(subject));
      return undefined;
    }
    if (!this.#requests.close(this)) return undefined;
    const line = outwardReply(reply.line, method, of);
    return this.asker.onReply(line === reply.line ? reply : { ...reply, line });
  };

  readonly onLost = (loss: Loss): void => {
    const { life } = this.#passing!;
    life.member.counts.lost++;
    if (!this.#requests.close(this)) return;
    // A client can answer for its own credential, and for no other that a server wants.
    const { refusal } = loss;
    const isClients = refusal !== undefined && life.member.carry(CREDENTIAL).length > 0;
    this.asker.onLost({ reason: `${life.name}: ${loss.reason}`, ...(isClients && { refusal }) });
  };

  onAsked(peer: Peer, id: number): void {
    this.running = { peer, id };
  }

  get isWanted(): boolean {
    return this.#requests.isOpen(this);
  }
}
