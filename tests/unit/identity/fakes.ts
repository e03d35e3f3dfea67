// Requests and key servers for the tests of lib/identity.
import type { CredentialView, Identification, Principal } from "../../../lib/identity/principal.ts";
import { type Issuer, keySetOf } from "../../support/issuer.ts";

/** A request with these fields, names in lower case, in this order. */
export function request(fields: readonly (readonly [string, string])[], remoteAddress = "192.0.2.1"): CredentialView {
  const valuesOf = (name: string) => fields.filter(([found]) => found === name).map(([, value]) => value);
  return {
    get: (name) => valuesOf(name).length === 1 ? valuesOf(name)[0] : undefined,
    count: (name) => valuesOf(name).length,
    remoteAddress,
  };
}

export const withToken = (token: string) => request([["authorization", `Bearer ${token}`]]);

/** The principal of an answer, or a failed test that names what came instead. */
export function principalOf(answer: Identification): Principal {
  if (answer.kind !== "principal") throw new Error(`want a principal, got ${JSON.stringify(answer)}`);
  return answer.principal;
}

/** A key server: answers what `answer` gives, counts how often it is asked. */
export class KeyServer {
  calls = 0;
  readonly requests: { url: string; init: RequestInit | undefined }[] = [];
  answer: () => Response | Promise<Response>;

  constructor(answer: () => Response | Promise<Response>) {
    this.answer = answer;
  }

  readonly fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    this.calls++;
    this.requests.push({ url: String(url), init });
    return Promise.resolve().then(() => this.answer());
  };

  serve(...issuers: readonly Issuer[]): void {
    this.answer = () => new Response(keySetOf(...issuers));
  }

  breakDown(): void {
    this.answer = () => Promise.reject(new TypeError("connection refused"));
  }
}
