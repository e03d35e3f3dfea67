// What operators can ask of the process itself on the admin listener, guarded as all of the operators' API:
//   POST /stop        {}         → 202 {"draining": true, "drainTimeoutMs"}: as SIGTERM does; a second one ends at once
//   POST /reload      {}         → {"reloaded": true, "restart": [FLAG, …]}: those that differ and wait for a restart; or
//                                  409 {"error": {…, "problems": […]}} and everything stays: as SIGHUP
//   GET  /log-level              → {"level"}
//   PUT or POST /log-level {"level"} → {"level"}: until the next reload, which brings the configured one
import { ConfigError, SignetError } from "../errors.ts";
import { LOG_LEVELS, type LogLevel } from "../observe/log.ts";
import { type AccessOptions, guard } from "./access.ts";
import type { AdminRoute } from "./admin.ts";
import { json, refusal } from "./answers.ts";
import { type Members, readMembers } from "./control_input.ts";

/** What steers the process; `lib/cli/serving/lifetime.ts` is it. */
export interface ProcessControl {
  readonly drainTimeoutMs: number;
  logLevel: LogLevel;
  /** Begins to end. */
  stop(): void;
  /**
   * Resolves with the settings that differ and change only with a restart.
   * @throws ConfigError and what else keeps the old configuration in force; SignetError `draining`
   */
  reload(): Promise<readonly string[]>;
}

type Handler = (control: ProcessControl, body: Members) => Promise<Response> | Response;

const HANDLERS: Readonly<Record<string, Readonly<Partial<Record<string, Handler>>>>> = {
  "/stop": { POST: stop },
  "/reload": { POST: reload },
  "/log-level": { GET: ({ logLevel }) => json(200, { level: logLevel }), PUT: setLevel, POST: setLevel },
};

/** Path → handler, for `serveAdmin`. */
export function processRoutes(control: ProcessControl, options: AccessOptions): ReadonlyMap<string, AdminRoute> {
  return new Map(
    Object.entries(HANDLERS).map(([path, handlers]) => [path, async (request) => {
      try {
        guard(request, options);
        const handler = handlers[request.method];
        if (handler === undefined) {
          throw new SignetError("method_not_allowed", { allow: Object.keys(handlers).join(", ") });
        }
        return await handler(control, request.method === "GET" ? NOTHING : await readMembers(request));
      } catch (error) {
        return refusal(error);
      }
    }]),
  );
}

const NOTHING = {} as Members;

function stop(control: ProcessControl, body: Members): Response {
  body.end();
  // The answer goes out first: draining closes this listener in the end.
  setTimeout(() => control.stop(), 0);
  return json(202, { draining: true, drainTimeoutMs: control.drainTimeoutMs });
}

async function reload(control: ProcessControl, body: Members): Promise<Response> {
  body.end();
  try {
    return json(200, { reloaded: true, restart: await control.reload() });
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [];
    const [why, remedy] = error instanceof SignetError && error.code === "draining"
      ? ["Signet is draining, and ends", "Whatever is started next reads everything anew."]
      : [
        "keys and configuration stay as they were",
        problems.length === 0 ? "The log says why." : "Mend what is listed, and reload again.",
      ];
    return json(409, {
      error: { code: "reload_refused", message: `The reload was refused: ${why}`, remedy, problems },
    });
  }
}

function setLevel(control: ProcessControl, body: Members): Response {
  const wanted = body.text("level");
  body.end();
  const level = LOG_LEVELS.find((level) => level === wanted);
  if (level === undefined) {
    throw new SignetError("invalid_request", {
      publicMessage: "There is no such log level",
      remedy: `Write ${LOG_LEVELS.join(", ")}.`,
    });
  }
  control.logLevel = level;
  return json(200, { level });
}
