// A program: the shortest correct reverse proxy one can write on Deno, as the reference for the full lane.
// deno run -A fetch_proxy.ts PORT UPSTREAM_ORIGIN
const [port, origin] = Deno.args;

Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, async (request) => {
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.delete("host");
  headers.set("accept-encoding", "identity");
  const response = await fetch(`${origin}${url.pathname}${url.search}`, {
    method: request.method,
    headers,
    body: request.body,
    redirect: "manual",
    signal: request.signal,
  });
  return new Response(response.body, { status: response.status, headers: response.headers });
});
