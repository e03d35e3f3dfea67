// Where each member's stream stands, as one place of the session's own: sealed, since events of one are nobody's to read or
// to make up (docs/behaviour.md A5).
import type { KeyRing } from "../../../envelope/key_ring.ts";
import { open, seal } from "../../../envelope/seal.ts";
import { parseJson } from "../../../platform/json.ts";
import type { MemberLife } from "../members/member_life.ts";

const OPEN_ARRAY = 0x5b;
/** Of what an event id says of the members' streams, in characters: it comes back in a field. */
const MAX_PLACE = 2048;

export class StreamPlaces {
  readonly #ring: () => KeyRing;
  /** The last one that was sealed. */
  #place: { readonly text: string; readonly sealed: string } | undefined;

  constructor(ring: () => KeyRing) {
    this.#ring = ring;
  }

  /** @param run of the session: places of another lead nowhere. @returns undefined if no member can say where it stands */
  of(run: string, lives: readonly MemberLife[]): string | undefined {
    const places = fitting(lives.flatMap(({ name, place }) => place === undefined ? [] : [[name, place] as const]));
    if (places.length === 0) return undefined;
    const text = JSON.stringify([run, ...places]);
    if (this.#place?.text !== text) {
      this.#place = { text, sealed: seal(this.#ring().active, "event", new TextEncoder().encode(text)) };
    }
    return this.#place.sealed;
  }

  /** @returns by the members' names; none for what was not sealed for this run */
  in(run: string, sealed: string | undefined): ReadonlyMap<string, string> {
    const opened = sealed === undefined ? undefined : open(this.#ring(), "event", sealed);
    if (!opened?.ok || opened.plaintext[0] !== OPEN_ARRAY) return new Map();
    const [of, ...places] = parseJson(new TextDecoder().decode(opened.plaintext)) as [string, ...[string, string][]];
    return of === run ? new Map(places) : new Map();
  }
}

/** Of places as many as there is room for, the shortest first: nobody's long ids are at others' expense (A6). */
function fitting(places: readonly (readonly [name: string, place: string])[]) {
  const lengthOf = (entry: readonly [string, string]) => JSON.stringify(entry).length + 1;
  let left = MAX_PLACE;
  const kept = new Set(
    [...places].sort((a, b) => lengthOf(a) - lengthOf(b)).filter((entry) => {
      left -= lengthOf(entry);
      return left >= 0;
    }),
  );
  return places.filter((entry) => kept.has(entry));
}
