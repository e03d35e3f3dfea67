// One issuer of tokens as one value (docs/behaviour.md I6): `issuer=URL jwks=URL|FILE audience=URI …` on a line, a
// mapping in a file.
import { type JwksSource, jwksSource } from "./addresses.ts";
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";
import { readValues } from "./mappings.ts";

export interface JwtProvider {
  readonly issuer: string;
  readonly jwks: JwksSource;
  readonly audiences: readonly string[];
  readonly allowNoAudience: boolean;
  readonly clients: readonly string[];
  readonly subjectClaim: string;
  readonly scopeClaims: readonly string[];
}

/** What may stand in it, and whether more than once. */
const MEMBERS: ReadonlyMap<string, "once" | "many"> = new Map([
  ["issuer", "once"],
  ["jwks", "once"],
  ["audience", "many"],
  ["allow-no-audience", "once"],
  ["client", "many"],
  ["subject-claim", "once"],
  ["scope-claim", "many"],
]);

const FORM = `Write issuer=URL jwks=URL|FILE audience=URI, and of ${
  [...MEMBERS.keys()].slice(3).join(", ")
} what is needed.`;

function parse(text: string): Parsed<JwtProvider> {
  const read = readValues(text);
  if (typeof read === "string") return unfit(read, FORM);
  for (const [name, values] of read) {
    const often = MEMBERS.get(name);
    if (often === undefined) return unfit(`${quoted(name)} says nothing about an issuer`, FORM);
    if (often === "once" && values.length > 1) return unfit(`${name} is given ${values.length} times`, "Give it once.");
    if (values.some((value) => value.trim() === "")) return unfit(`${name} is blank`, FORM);
  }
  const [issuer] = read.get("issuer") ?? [];
  const [keys] = read.get("jwks") ?? [];
  if (issuer === undefined || keys === undefined) {
    return unfit(`${issuer === undefined ? "issuer" : "jwks"} is missing`, FORM);
  }
  const jwks = jwksSource.parse(keys);
  if (!("value" in jwks)) return jwks;
  const [allow = "false"] = read.get("allow-no-audience") ?? [];
  if (allow !== "true" && allow !== "false") return unfit("allow-no-audience is neither true nor false", FORM);
  const [audiences, clients] = [read.get("audience") ?? [], read.get("client") ?? []];
  if (audiences.length === 0 && allow === "false") {
    return unfit("audience is missing", "Name this endpoint's URI, which stands in the tokens' aud.");
  }
  if (clients.length === 0 && allow === "true") {
    return unfit(
      "no client is named whose tokens may lack an audience",
      "Add client=ID for each: without one, the issuer's tokens for anybody else would be taken.",
    );
  }
  const [subjectClaim = "sub"] = read.get("subject-claim") ?? [];
  const scopeClaims = read.get("scope-claim") ?? [];
  const allowNoAudience = allow === "true";
  return { value: { issuer, jwks: jwks.value, audiences, allowNoAudience, clients, subjectClaim, scopeClaims } };
}

export const jwtProvider: Kind<JwtProvider> = {
  metavar: "PROVIDER",
  parse,
  format: ({ issuer, jwks, audiences, allowNoAudience, clients, subjectClaim, scopeClaims }) =>
    JSON.stringify({
      issuer,
      jwks: jwksSource.format(jwks),
      ...(audiences.length === 0 ? {} : { audience: audiences }),
      ...(allowNoAudience ? { "allow-no-audience": true } : {}),
      ...(clients.length === 0 ? {} : { client: clients }),
      "subject-claim": subjectClaim,
      ...(scopeClaims.length === 0 ? {} : { "scope-claim": scopeClaims }),
    }),
  fileOf: ({ jwks }) => jwksSource.fileOf?.(jwks),
  takesMapping: true,
  separator: /\n+/,
};
