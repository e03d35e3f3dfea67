// Why a client's TLS handshake did not come about, in one set of words for both runtimes. Whoever connects and goes without
// a word, as probes of a port and scanners do, has no fault.

interface HandshakeFault {
  /** What was found, for the log. */
  readonly found: string;
  readonly remedy: string;
}

/** By what a runtime's message holds: OpenSSL's names (Bun) or those of rustls (Deno). */
const SAID: readonly (readonly [said: RegExp, fault: HandshakeFault])[] = [
  [/HTTP_REQUEST|InvalidContentType|WRONG_VERSION_NUMBER/, {
    found: "no TLS",
    remedy: "A client speaks http to a port that speaks https: write https:// in the client, or leave out --tls-cert.",
  }],
  [/alert[ :_]*(?:tls alert )?[a-z_]*(?:ca\b|certificate)/i, {
    found: "a client that refused the certificate",
    remedy:
      "Give it the authority that the certificate of --tls-cert is of, or a certificate for the name it asks for.",
  }],
  [/UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_SHARED|peer is incompatible|HandshakeFailure/, {
    found: "no version or cipher of TLS in common",
    remedy: "Signet wants TLS 1.2 or later: see what the client is made with.",
  }],
];

/** Undefined where it is none, or no more is known than that the connection was closed. */
export function handshakeFault(cause: unknown): HandshakeFault | undefined {
  const { message } = (cause ?? {}) as { readonly message?: unknown };
  return SAID.find(([said]) => said.test(String(message ?? "")))?.[1];
}
