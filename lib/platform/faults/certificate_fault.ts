// Why a certificate is not taken, in one set of words for both runtimes, whose own are a code here and a sentence there.

export type CertificateFault = "untrusted" | "expired" | "other_name";

/** By what a runtime's code or message holds: OpenSSL's names (Bun, Node's TLS) or those of rustls (Deno). */
const SAID: Readonly<Record<CertificateFault, RegExp>> = {
  untrusted:
    /UnknownIssuer|CaUsedAsEndEntity|UNABLE_TO_(?:VERIFY|GET_ISSUER)|SELF_SIGNED|self[- ]signed|unable to (?:verify|get)/i,
  expired: /CERT_(?:HAS_EXPIRED|NOT_YET_VALID)|certificate (?:has )?expired|certificate: Expired|NotValidYet/i,
  other_name: /ALTNAME_INVALID|NotValidForName|not valid for name|altnames/i,
};
const FAULTS = Object.keys(SAID) as CertificateFault[];

const WORDS: Readonly<Record<CertificateFault, string>> = {
  untrusted: "its certificate is of no authority that is trusted",
  expired: "its certificate has expired, or is not valid yet",
  other_name: "its certificate is for another name",
};

/** What was wrong with a certificate; undefined if that is not what failed. */
export function certificateFault(cause: unknown): CertificateFault | undefined {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  const text = `${code ?? ""} ${message ?? (typeof cause === "string" ? cause : "")}`;
  return FAULTS.find((fault) => SAID[fault].test(text));
}

/** The same in words that follow an address; undefined likewise. */
export function certificateWords(cause: unknown): string | undefined {
  const fault = certificateFault(cause);
  return fault === undefined ? undefined : WORDS[fault];
}
