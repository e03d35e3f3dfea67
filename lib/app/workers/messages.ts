// What a worker and the process that has started it tell each other over the channel, by name.
import type { SettingKey, Settings } from "../../config/schema.ts";
import type { FileTexts } from "./given_files.ts";

/** A key ring on its way to a worker: over its standard input, never in arguments or the environment. */
export interface KeysOnWire {
  readonly text: string;
  readonly source: string;
  readonly ephemeral: boolean;
}

/** What a worker is to put in force. */
export interface Orders {
  readonly settings: Settings;
  readonly keys: KeysOnWire;
  /** Of the files that a reload reads anew, as all are to have them. */
  readonly files: FileTexts;
}

/** The first thing a worker is told. */
export interface Begin extends Orders {
  /** Its place, from 1. */
  readonly number: number;
  /** Of the program that starts it: another one has been put in its place since. */
  readonly version: string;
  /** Of the files that are read once, with secrets and authorities, as all that are here began with. */
  readonly filesOnce: FileTexts;
  /** Where its neighbours pass requests on to it. */
  readonly hop: { readonly hostname: string; readonly port: number };
  /** Whether it asks the process that has started it for what all workers share. */
  readonly asksForStore: boolean;
  /** Settings that somebody has written. */
  readonly given: readonly SettingKey[];
}

/** Asked of a worker. */
export const TO_WORKER = {
  /** [Begin] → nothing, once all is there but the port that all share */
  begin: "begin",
  /** → where it listens */
  listen: "listen",
  /** [Orders] */
  reload: "reload",
  /** [KeysOnWire]: to open with, not to seal with */
  openAlsoWith: "open-also-with",
  /** [KeysOnWire]: those in force, after all */
  openOnlyWith: "open-only-with",
  /** → how many streams were cut */
  drain: "drain",
  alive: "alive",
  ready: "ready",
  metrics: "metrics",
  view: "view",
  /** [method, …] of a control */
  control: "control",
  /** [hash] → whether it has that session */
  knows: "knows",
  /** [watch, hash]: push what happens in that session from now on */
  watch: "watch",
} as const;

/** Told to a worker. */
export const NEWS_TO_WORKER = {
  /** [what, text?]: the store's news */
  store: "store-news",
  /** [level] */
  logLevel: "log-level",
  /** [event]: for whoever observes */
  event: "event",
  /** [watch] */
  unwatch: "unwatch",
} as const;

/** Asked by a worker: [call, args] of the store. */
export const STORE = "store";
/** Told by a worker: [watch, event]; no event: it has ended. */
export const WATCHED = "watched";
