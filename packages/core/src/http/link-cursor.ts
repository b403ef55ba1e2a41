/** Passes every answer's headers on: the place of the next page, for one, is only there. */
export function headerTap(
  fetch: typeof globalThis.fetch,
  onHeaders: (headers: Headers) => void,
): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    onHeaders(response.headers);
    return response;
  };
}

/** Only the cursor is taken from the link: an address from an answer is not followed with a token. */
export function nextCursor(link: string | null): string | null {
  const url = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  if (url === undefined) return null;
  try {
    return new URL(url).searchParams.get("cursor");
  } catch {
    return null;
  }
}
