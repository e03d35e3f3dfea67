// Settings that say how much, how long or when: numbers within bounds, with the unit they are written in.
// What comes out is plain: milliseconds, bytes, milliseconds since the epoch. Nothing is rounded.
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";

/** Inclusive bounds. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

function withinBounds(value: number, bounds: Bounds, format: (value: number) => string): Parsed<number> {
  if (value >= bounds.min && value <= bounds.max) return { value };
  const side = value < bounds.min ? `below the least, ${format(bounds.min)}` : `above the most, ${format(bounds.max)}`;
  return unfit(
    `${format(value)} is ${side}`,
    `Write a value from ${format(bounds.min)} to ${format(bounds.max)}.`,
  );
}

export function integer(bounds: Bounds): Kind<number> {
  return {
    metavar: "NUMBER",
    parse(text) {
      if (!/^\d{1,15}$/.test(text)) {
        return unfit(`${quoted(text)} is not a whole number`, "Write digits only, for example 100.");
      }
      return withinBounds(Number(text), bounds, String);
    },
    format: String,
  };
}

/** Beyond this many processes it is machines that are wanted. */
const MOST_WORKERS = 64;

/** How many processes; `auto`: as many as the machine has cores. */
export const workerCount: Kind<number | "auto"> = {
  metavar: "NUMBER|auto",
  parse: (text) => text === "auto" ? { value: "auto" } : integer({ min: 1, max: MOST_WORKERS }).parse(text),
  format: String,
};

/** The units of a text such as `15m`, largest first; every one a multiple of the next. */
type Units = readonly (readonly [unit: string, factor: number])[];

const DURATION_UNITS: Units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]];
const SIZE_UNITS: Units = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]];

function formatUnits(units: Units, value: number): string {
  if (value === 0) return "0";
  // Of the largest unit at least two: a day is better known as 24h.
  const [unit, factor] =
    units.find(([, factor], index) => value % factor === 0 && (index > 0 || value >= 2 * factor)) ??
      units[units.length - 1]!;
  return `${value / factor}${unit}`;
}

function parseUnits(units: Units, text: string): number | undefined {
  const match = /^(\d{1,16})([a-zA-Z]*)$/.exec(text);
  if (match === null) return undefined;
  if (match[2] === "" && Number(match[1]) === 0) return 0;
  const factor = units.find(([unit]) => unit === match[2])?.[1];
  const value = factor === undefined ? NaN : Number(match[1]) * factor;
  // T4: a product that is no longer exact is refused, not rounded.
  return Number.isSafeInteger(value) ? value : undefined;
}

/** In milliseconds: `500ms`, `30s`, `15m`, `24h`, `7d`; a bare `0` is none. */
export function formatDuration(ms: number): string {
  return formatUnits(DURATION_UNITS, ms);
}

/** In bytes: `512B`, `16KiB`, `4MiB`. */
export function formatSize(bytes: number): string {
  return formatUnits(SIZE_UNITS, bytes);
}

export interface DurationBounds extends Bounds {
  /** 0 is allowed besides the bounds; the setting's text says what it means. */
  readonly orZero?: boolean;
}

/** Value in milliseconds. */
export function duration(bounds: DurationBounds): Kind<number> {
  return {
    metavar: "DURATION",
    parse(text) {
      const value = parseUnits(DURATION_UNITS, text);
      if (value === undefined) {
        return unfit(`${quoted(text)} is not a duration`, "Write a number and a unit: 500ms, 30s, 15m, 24h or 7d.");
      }
      if (value === 0 && bounds.orZero) return { value };
      return withinBounds(value, bounds, formatDuration);
    },
    format: formatDuration,
  };
}

/** Value in bytes. */
export function size(bounds: Bounds): Kind<number> {
  return {
    metavar: "SIZE",
    parse(text) {
      const value = parseUnits(SIZE_UNITS, text);
      if (value === undefined) {
        return unfit(`${quoted(text)} is not a size`, "Write a number and a unit: 512B, 16KiB, 4MiB or 1GiB.");
      }
      return withinBounds(value, bounds, formatSize);
    },
    format: formatSize,
  };
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** A moment as RFC 3339 writes it, zone and all; in ms since the epoch, what is finer rounded down. */
export const moment: Kind<number> = {
  metavar: "TIME",
  parse(text) {
    const value = RFC_3339.test(text) ? Date.parse(text.toUpperCase().replace(" ", "T")) : NaN;
    // A day that is not there, such as 31 June, is read as another one.
    const day = Number(text.slice(8, 10));
    const exists = day <= new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
    if (Number.isFinite(value) && exists) return { value: Math.floor(value) };
    return unfit(`${quoted(text)} is not a moment`, "Write one such as 2026-08-01T12:00:00Z, with its zone.");
  },
  format: (value) => new Date(value).toISOString(),
};
