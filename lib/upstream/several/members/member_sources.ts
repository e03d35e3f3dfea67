// All peers that a member has had in one session, those that are being greeted included, until nothing of them is left: so
// that whoever ends the session ends them all.
import type { Carrier } from "../../../bridge/peer/peer.ts";
import type { Parting, PeerEvents, PeerSource, Stopping } from "../../../bridge/peer/peer_source.ts";
import type { Opening } from "../../../bridge/request.ts";
import type { Member } from "./member.ts";

export interface MemberSourcesOptions {
  readonly member: Member;
  /** What it goes by in this session. */
  readonly name: string;
  readonly opening: Opening;
  readonly events: PeerEvents;
}

export class MemberSources {
  readonly #options: MemberSourcesOptions;
  readonly #all = new Set<PeerSource>();
  /** What becomes of sessions, once they are stopped. */
  #parting: Parting | undefined;

  constructor(options: MemberSourcesOptions) {
    this.#options = options;
  }

  get areStopped(): boolean {
    return this.#parting !== undefined;
  }

  open(): PeerSource {
    const { member, opening, events } = this.#options;
    return this.#add(member.open(opening, events));
  }

  /** For nobody, and soon ended: in the caller's own pool somebody might find it. */
  openAside(): PeerSource {
    const { member, events, opening: { pool: _, ...opening } } = this.#options;
    return this.#add(member.open(opening, { ...events, onMessage: () => undefined, onRefused: () => {} }));
  }

  #add(source: PeerSource): PeerSource {
    this.#all.add(source);
    return source;
  }

  /** One that nothing comes of. What it has found, somebody else may go on with. */
  retire(source: PeerSource, carrier: Carrier): void {
    const { gone } = source.stop(this.#parting ?? "leave", this.#carry(carrier));
    void gone.then(() => this.#all.delete(source));
  }

  /** As `PeerSource.stop`, who could not be told by the member's name. */
  stop(how: Parting, carrier: Carrier): Stopping {
    this.#parting ??= how;
    const all = [...this.#all].map((source) => source.stop(how, this.#carry(carrier)));
    return {
      told: Promise.all(all.map(({ told }) => told))
        .then((failures) => failures.flat().map((failure) => `${this.#options.name}: ${failure}`)),
      gone: Promise.all(all.map(({ gone }) => gone)),
    };
  }

  /** What of it the member may have, in a list of its own (A8). */
  #carry({ fields }: Carrier): Carrier {
    return { fields: this.#options.member.carry(fields) };
  }
}
