const CHARACTERS_PER_TOKEN = 4;

/** Twins count four characters as one token: crude, but the same everywhere and free. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}

/** The first so many tokens of a text; a character of two code units is not cut in half. */
export function firstTokens(text: string, count: number): string {
  const end = count * CHARACTERS_PER_TOKEN;
  if (end >= text.length) return text;
  const last = text.charCodeAt(end - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? end + 1 : end);
}

/** A text as the pieces a stream sends; joined they are the text. */
export function tokenPieces(text: string): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest !== "") {
    const piece = firstTokens(rest, 1);
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return pieces;
}
