// Which names of variables and options say that their value is a secret, as programs usually name them.

const SECRET_NAME = /key|token|secret|passw|pwd|pass$|credential|auth|cookie|session|private|signature|salt|pin$|dsn/i;

export function soundsSecret(name: string): boolean {
  return SECRET_NAME.test(name);
}
