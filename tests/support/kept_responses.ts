// Aborting what a test's client asked for ends it, whatever has been collected meanwhile: on Deno a body is told of an abort
// only as long as its response is alive. Imported for its effect by what starts a Signet, for official clients too.
import { keptWithBody } from "../../lib/platform/network/outgoing_fetch.ts";

const { fetch } = globalThis;

globalThis.fetch = async (input, init) => keptWithBody(await fetch(input, init));
