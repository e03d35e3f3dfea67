// What a scope is spelt like (RFC 6749 §3.3, scope-token).

const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text);
}
