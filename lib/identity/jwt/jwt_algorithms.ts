// The signature algorithms a JWT may be signed with (RFC 7518 §3.1, RFC 8037): what a configuration may name and jwt.ts
// verifies. Apart from both, so that reading a configuration loads no verifier.

/** Asymmetric ones only: with a shared secret every verifier could issue. */
export const JWT_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;
