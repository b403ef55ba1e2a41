/** Long lists of short words are written as one text, entries parted by a bar. */
export const list = (text: string): readonly string[] => text.split("|");
