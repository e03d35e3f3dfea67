// What is held, and by how much that grows: for tests of what is kept longer than whoever brought it.
import process from "node:process";
import { collect } from "./collect.ts";

/** Bytes of live objects, what lies outside the heap included. */
export function heldBytes(): number {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers ?? 0);
}

/** By how much what is held grows where `count` such things are kept. */
export function grownBy(count: number, make: (at: number) => unknown): number {
  const kept: unknown[] = [];
  const before = heldBytes();
  for (let at = 0; at < count; at++) kept.push(make(at));
  const grown = heldBytes() - before;
  // Held until here.
  return kept.length === count ? grown : NaN;
}
