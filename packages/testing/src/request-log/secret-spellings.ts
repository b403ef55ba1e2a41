/** How a secret looks where it may be sent: plain, in an address, within base64 text. */
export function spellingsOf(secret: string): readonly string[] {
  const inBase64 = [0, 1, 2].map((before) => base64Within(secret, before));
  return [...new Set([secret, encodeURIComponent(secret), ...inBase64])];
}

/** The characters of base64 text that stand for the secret alone when so many bytes (modulo 3) come before it. */
function base64Within(secret: string, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
  const firstOwn = Math.ceil((before * 8) / 6);
  const firstForeign = Math.floor((bytes.length * 8) / 6);
  return bytes.toString("base64").slice(firstOwn, firstForeign);
}
