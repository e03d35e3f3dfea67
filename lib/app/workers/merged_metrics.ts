// The page of several workers as one: the same families, their numbers added up, but for what is no amount. What workers that
// have ended had counted stays counted, and what those that gave no page this time had counted last, too: a counter that fell
// would look like much more than there was (Prometheus, "rate").
import { numberText } from "../../observe/metrics.ts";

/** How a family's numbers become one, where they are not added up. */
const OTHERWISE: ReadonlyMap<string, "least" | "most"> = new Map([
  ["signet_build_info", "most"],
  ["signet_keys", "most"],
  ["signet_draining", "most"],
  ["signet_audit_failing", "most"],
  ["signet_upstream_era", "most"],
  ["signet_store_up", "least"],
  ["process_start_time_seconds", "least"],
]);

interface Family {
  /** Its HELP and TYPE lines. */
  readonly head: string[];
  readonly name: string;
  isCounter: boolean;
  /** Name and labels → number. */
  readonly samples: Map<string, number>;
}

type Page = Map<string, Family>;

/** Numbers of the process that steers the workers, by samples: names with their labels. */
export interface OwnSamples {
  /** What it alone knows. */
  readonly replace: ReadonlyMap<string, number>;
  /** Its own part of what all have. */
  readonly add: ReadonlyMap<string, number>;
}

export class MergedMetrics {
  /** The last page of each worker. */
  readonly #last = new Map<number, Page>();
  /** What was counted by those that have ended. */
  readonly #departed: Page = new Map();

  /** @param pages by worker; of one that gave none its counters stay as they were */
  merge(pages: ReadonlyMap<number, string>, { replace, add }: OwnSamples): string {
    const merged: Page = new Map();
    for (const [number, text] of pages) {
      const page = parsePage(text);
      this.#last.set(number, page);
      for (const family of page.values()) addTo(merged, family);
    }
    for (const [number, page] of this.#last) {
      if (!pages.has(number)) addCounters(merged, page);
    }
    addCounters(merged, this.#departed);
    let text = "";
    for (const { head, samples } of merged.values()) {
      text += head.join("");
      for (const [sample, value] of samples) {
        const total = value + (add.get(sample) ?? 0);
        text += `${sample} ${numberText(replace.get(sample) ?? total)}\n`;
      }
    }
    return text;
  }

  /** A worker has ended: what it had counted when it was last asked stays. */
  depart(number: number): void {
    addCounters(this.#departed, this.#last.get(number) ?? new Map());
    this.#last.delete(number);
  }
}

/** What somebody has who is not there, or not heard of, is not known: what he had counted is. */
function addCounters(merged: Page, page: Page): void {
  for (const family of page.values()) {
    if (family.isCounter && !OTHERWISE.has(family.name)) addTo(merged, family);
  }
}

function addTo(merged: Page, { name, head, isCounter, samples }: Family): void {
  const known = merged.get(name);
  if (known === undefined) {
    merged.set(name, { name, head, isCounter, samples: new Map(samples) });
    return;
  }
  const rule = OTHERWISE.get(name);
  for (const [sample, value] of samples) {
    const before = known.samples.get(sample);
    if (before === undefined) known.samples.set(sample, value);
    else if (rule === "most") known.samples.set(sample, Math.max(before, value));
    else if (rule === "least") known.samples.set(sample, Math.min(before, value));
    else known.samples.set(sample, before + value);
  }
}

/** Of a page that this program has written. */
function parsePage(text: string): Page {
  const page: Page = new Map();
  let family: Family | undefined;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("# HELP ")) {
      const name = line.slice(7, line.indexOf(" ", 7));
      family = { name, head: [line + "\n"], isCounter: false, samples: new Map() };
      page.set(name, family);
    } else if (line.startsWith("# TYPE ")) {
      family?.head.push(line + "\n");
      if (family !== undefined) family.isCounter = !line.endsWith(" gauge");
    } else {
      const at = line.lastIndexOf(" ");
      family?.samples.set(line.slice(0, at), numberOf(line.slice(at + 1)));
    }
  }
  return page;
}

function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}
