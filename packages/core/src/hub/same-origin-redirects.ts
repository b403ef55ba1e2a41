const MOST_REDIRECTS = 3;

/**
 * Follows the redirects of a GET as long as they stay on the server: the Hub leads from an old name of a repository to
 * its new one. One to another host is given back as it is: the token must not go there.
 */
export function sameOriginRedirects(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    let url = String(input);
    for (let redirects = 0; ; redirects += 1) {
      const response = await fetch(url, init);
      const location =
        response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
      if (location === null || redirects === MOST_REDIRECTS || !URL.canParse(location, url)) return response;
      const next = new URL(location, url);
      if (next.origin !== new URL(url).origin) return response;
      await response.body?.cancel();
      url = next.href;
    }
  };
}
