// Everything an operator can scrape, with its name and its help. Names follow Prometheus' naming practice.
import { MetricsPage } from "../../observe/metrics.ts";
import { declareCallers, declareLaw } from "./caller_metrics.ts";
import type { PageSources } from "./page_sources.ts";
import { declareAudit, declareBuild, declareProcess } from "./process_metrics.ts";
import { declareReplicas, declareStore } from "./replica_metrics.ts";
import { declareEngine, declareProbes, declareRequests } from "./request_metrics.ts";
import { declareLimits, declareSessions } from "./session_metrics.ts";

/** In the order in which it is read: what runs, its sessions, its surroundings, its requests, itself. */
export function createMetricsPage(sources: PageSources): MetricsPage {
  const page = new MetricsPage();
  declareBuild(page, sources);
  declareSessions(page, sources);
  declareLimits(page, sources);
  declareReplicas(page, sources);
  declareStore(page, sources);
  declareProbes(page, sources);
  declareCallers(page, sources);
  declareRequests(page, sources);
  declareLaw(page, sources);
  declareEngine(page, sources);
  declareAudit(page, sources);
  declareProcess(page, sources);
  return page;
}
