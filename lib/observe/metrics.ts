// Numbers for operators, in the Prometheus text format 0.0.4, with names as OpenMetrics wants them.
// The hot path bumps plain fields; everything else (names, labels, text) happens when somebody scrapes.
// Label values are fixed when a metric is declared or come from a bounded read, so that no caller can grow the page.

/** One line of a metric: its label values, in the order the metric declares them, and a number. */
export type Sample = readonly [labels: readonly string[], value: number];

export class Counter {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** A counter with one label whose values are known from the start; an unknown one counts as `other`. */
export class LabelledCounter<Label extends string> {
  readonly #counts = new Map<string, number>();

  constructor(values: readonly Label[]) {
    for (const value of values) this.#counts.set(value, 0);
  }

  inc(label: Label): void {
    const count = this.#counts.get(label);
    if (count === undefined) this.#counts.set("other", (this.#counts.get("other") ?? 0) + 1);
    else this.#counts.set(label, count + 1);
  }

  get(label: Label | "other"): number {
    return this.#counts.get(label) ?? 0;
  }

  /** Those that are not zero. */
  counted(): Record<string, number> {
    return Object.fromEntries([...this.#counts].filter(([, count]) => count > 0));
  }

  samples(): Sample[] {
    return [...this.#counts].map(([label, count]) => [[label], count]);
  }
}

/** What a histogram has seen, one number a bucket, the last one for all that is above the highest bound. */
export interface HistogramState {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts of observations at or below each bound (cumulative only when rendered). */
export class Histogram implements HistogramState {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }
}

/** A histogram under its labels. */
export type HistogramSample = readonly [labels: readonly string[], state: HistogramState];

interface Declared {
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  readonly labels: readonly string[];
}

/** A metric as it is declared, and how to read it. `read` answers a bounded list. */
export type Family =
  | Declared & { readonly type: "counter" | "gauge"; readonly read: () => readonly Sample[] }
  | Declared & { readonly type: "histogram"; readonly read: () => readonly HistogramSample[] };

/** As the text format has it. */
export function numberText(value: number): string {
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
}

function labelText(names: readonly string[], values: readonly string[], le?: string): string {
  const pairs = names.map((name, i) =>
    `${name}="${(values[i] ?? "").replace(/["\\\n]/g, (c) => c === "\n" ? "\\n" : `\\${c}`)}"`
  );
  if (le !== undefined) pairs.push(`le="${le}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function histogramText(
  { name, labels }: Declared,
  [values, { bounds, counts, sum }]: HistogramSample,
): string {
  let total = 0;
  let text = "";
  for (let bucket = 0; bucket <= bounds.length; bucket++) {
    total += counts[bucket]!;
    const le = bucket < bounds.length ? numberText(bounds[bucket]!) : "+Inf";
    text += `${name}_bucket${labelText(labels, values, le)} ${total}\n`;
  }
  const own = labelText(labels, values);
  return `${text}${name}_sum${own} ${numberText(sum)}\n${name}_count${own} ${total}\n`;
}

function familyText(family: Family): string {
  const { name, help, type } = family;
  const lines = family.type === "histogram"
    ? family.read().map((sample) => histogramText(family, sample))
    : family.read().map(([values, n]) => `${name}${labelText(family.labels, values)} ${numberText(n)}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** The page a scrape gets. */
export class MetricsPage {
  readonly #families: Family[] = [];
  readonly #names = new Set<string>();

  /** In the order in which they were declared. */
  get families(): readonly Family[] {
    return this.#families;
  }

  counter(name: string, help: string, read: Counter | (() => number)): void {
    const value = typeof read === "function" ? read : () => read.value;
    this.#add({ name, help, labels: [], type: "counter", read: () => [[[], value()]] });
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#add({ name, help, labels: [], type: "gauge", read: () => [[[], read()]] });
  }

  /** A metric with labels; `read` is asked at every scrape and must answer a bounded list. */
  labelled(type: "counter" | "gauge", metric: Declared, read: () => readonly Sample[]): void {
    this.#add({ ...metric, type, read });
  }

  histogram(name: string, help: string, histogram: HistogramState): void {
    this.#add({ name, help, labels: [], type: "histogram", read: () => [[[], histogram]] });
  }

  /** Histograms under one name; `read` must answer a bounded list. */
  histograms(metric: Declared, read: () => readonly HistogramSample[]): void {
    this.#add({ ...metric, type: "histogram", read });
  }

  render(): string {
    return this.#families.map(familyText).join("");
  }

  #add(family: Family): void {
    if (this.#names.has(family.name)) {
      throw new Error(`declaring metric ${family.name}: it is declared already`);
    }
    this.#names.add(family.name);
    this.#families.push(family);
  }
}
