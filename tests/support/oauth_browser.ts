// The user's browser as far as OAuth needs one: it follows redirects and keeps cookies, until it is sent back to the
// client. A new one each time, so that every authorization is asked for anew.

const MAX_REDIRECTS = 12;

/**
 * Opens `url` and returns the parameters with which the authorization server sends the user back to `redirectUrl`.
 * @throws Error if it does not
 */
export async function authorizeInBrowser(url: URL, redirectUrl: string): Promise<URLSearchParams> {
  const cookies = new Map<string, string>();
  let at = url;
  for (let step = 0; step < MAX_REDIRECTS; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(at, { redirect: "manual", headers: cookie === "" ? {} : { cookie } });
    const text = await response.text();
    for (const set of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location === null) throw new Error(`authorizing at ${at.pathname}: status ${response.status}, ${text}`);
    at = new URL(location, at);
    if (at.href.startsWith(redirectUrl)) return at.searchParams;
  }
  throw new Error(`authorizing at ${url.origin}: more than ${MAX_REDIRECTS} redirects`);
}
