// What operators may see and do of a running Signet, whoever offers it to them: the admin listener of the process that serves,
// or of the one that has started several which do.
import type { Readiness } from "../../admin/admin.ts";
import type { Feeds, Subscribe } from "../../admin/feeds.ts";
import type { StateView } from "../../admin/state_view.ts";
import type { LifeEvent } from "../../observe/observers.ts";
import type { NamingControl } from "./control.ts";

export interface Operations {
  readonly control: NamingControl;
  ready(): Promise<Readiness>;
  /** The page of a scrape. */
  metrics(): string | Promise<string>;
  view(): Promise<StateView>;
  /** Undefined if no live session has this hash. */
  tap(hash: string): Subscribe | undefined | Promise<Subscribe | undefined>;
  /** The same of a session that may come here: another worker has it in memory. */
  watch(hash: string): Subscribe;
  /** Tells whoever observes; nobody waits for it. */
  tell(event: LifeEvent): void;
  /** What is watched live. */
  readonly feeds: Feeds;
}
