// What Linux tells of a process in /proc/<pid>/stat (proc(5)), and whether a /proc is this process's own.
// Where another process namespace was made and no /proc mounted in it, /proc is that of the one around it: a number there is
// another process's. So whoever reads of processes by their numbers asks `readOwnStat` first.
import { readFileSync } from "node:fs";
import process from "node:process";

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** In clock ticks since the machine started. */
  readonly startedAt: number;
  /** Dead, and not yet reaped by its parent. */
  readonly zombie: boolean;
}

/** `pid (name) state ppid pgrp … starttime …`: the name may hold anything, so fields count from the last parenthesis. */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const stat = {
    pid: Number.parseInt(text, 10),
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startedAt: Number(fields[19]),
    zombie: fields[0] === "Z" || fields[0] === "X",
  };
  return Number.isInteger(stat.startedAt) ? stat : undefined;
}

/** This process as it stands in `folder`; undefined where that is no /proc, or not this process's. */
export function readOwnStat(folder = "/proc"): ProcessStat | undefined {
  const own = readStat(folder, "self");
  return own?.pid === process.pid ? own : undefined;
}

/** @returns undefined where there is none, or it may not be read */
export function readStat(folder: string, pid: number | "self"): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`${folder}/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}
