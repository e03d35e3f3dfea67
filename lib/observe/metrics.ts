// Numbers for operators, in the Prometheus text format 0.0.4.
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

  samples(): Sample[] {
    return [...this.#counts].map(([label, count]) => [[label], count]);
  }
}

/** Counts of observations at or below each bound (cumulative only when rendered). */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sum += value;
  }

  render(name: string): string {
    let total = 0;
    let text = "";
    for (const [bucket, bound] of this.bounds.entries()) {
      total += this.#counts[bucket]!;
      text += `${name}_bucket{le="${bound}"} ${total}\n`;
    }
    total += this.#counts[this.bounds.length]!;
    return `${text}${name}_bucket{le="+Inf"} ${total}\n${name}_sum ${this.#sum}\n${name}_count ${total}\n`;
  }
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly render: () => string;
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  const pairs = names.map((name, i) =>
    `${name}="${(values[i] ?? "").replace(/["\\\n]/g, (c) => c === "\n" ? "\\n" : `\\${c}`)}"`
  );
  return `{${pairs.join(",")}}`;
}

/** The page a scrape gets. */
export class MetricsPage {
  readonly #families: Family[] = [];

  counter(name: string, help: string, read: Counter | (() => number)): void {
    const value = typeof read === "function" ? read : () => read.value;
    this.#add({ name, help, type: "counter", render: () => `${name} ${value()}\n` });
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#add({ name, help, type: "gauge", render: () => `${name} ${read()}\n` });
  }

  /** A metric with labels; `read` is asked at every scrape and must answer a bounded list. */
  labelled(
    type: "counter" | "gauge",
    metric: { name: string; help: string; labels: readonly string[] },
    read: () => readonly Sample[],
  ): void {
    const { name, help, labels } = metric;
    const render = () => read().map(([values, n]) => `${name}${labelText(labels, values)} ${n}\n`).join("");
    this.#add({ name, help, type, render });
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    this.#add({ name, help, type: "histogram", render: () => histogram.render(name) });
  }

  render(): string {
    return this.#families.map((f) => `# HELP ${f.name} ${f.help}\n# TYPE ${f.name} ${f.type}\n${f.render()}`).join("");
  }

  #add(family: Family): void {
    if (this.#families.some((known) => known.name === family.name)) {
      throw new Error(`declaring metric ${family.name}: it is declared already`);
    }
    this.#families.push(family);
  }
}
