// Units that bounds and defaults of settings are written in: milliseconds and bytes.
import { duration } from "./quantities.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** Any duration up to `max` ms; 0 too, where it means something. */
export const upTo = (max: number, orZero = false) => duration({ min: 1, max, orZero });
