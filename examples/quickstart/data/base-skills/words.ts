import type { Random } from "../random.ts";
import { supportItems } from "../support-requests.ts";
import { list } from "../word-list.ts";

export const otherItems = list(
  "ring|book|table|pencil|hat|shoe|coat|spoon|fork|plate|bowl|clock|radio|rope|box|basket|broom|" +
    "bucket|candle|carpet|curtain|pillow|mirror|ladder|hammer|saw|bell|ball|kite|drum|flute|violin|" +
    "piano|doll|puzzle|card|stamp|letter|map|globe|lens|watch|belt|glove|sock|shirt|skirt|boot|apron|" +
    "towel|sponge|brush|comb|razor|soap|jar|jug|pan|pot|oven|fridge|fan|heater|router|tablet|laptop|" +
    "mouse|speaker|cable|charger|battery|torch|helmet|saddle|paddle|canoe|skate|racket|whistle|compass|" +
    "shovel|rake|hose|bench|stool|sofa|shelf|cabinet|drawer|frame|poster|notebook|folder|stapler|" +
    "rice cooker|hand towel|garden hose|tool box|bread knife|tea set|wall clock|bath mat|dog leash",
);

export const colours = list("red|blue|green|black|white|yellow|brown|grey|pink|golden");
export const places = list(
  "kitchen|garden|garage|office|attic|hall|cellar|shop|car|school|library|barn|train|hotel|park|studio",
);
export const people = list(
  "Anna|Ben|Clara|David|Emma|Farid|Grace|Hugo|Ines|Jonas|Kira|Liam|Mia|Noor|Oscar|Petra|Quinn|Rosa|" +
    "Sven|Tara|Umar|Vera|Wendy|Yusuf|Zoe",
);
export const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;
export const keys = list(
  "tool|item|name|word|value|label|kind|type|topic|place|colour|mood|action|person|day|size|code|" +
    "title|answer|result|status|intent",
);
export const plainWords = list(
  "open|close|start|stop|send|find|count|paint|clean|build|move|order|refund|track|cancel|repair|" +
    "exchange|invoice|search|play|book|rate|river|stone|cloud|forest|winter|summer|bread|honey|silver|" +
    "copper|tiger|falcon|planet|signal|market|bridge|engine|window",
);

const onsets = list("b|c|d|f|g|h|j|k|l|m|n|p|qu|r|s|t|v|w|x|y|z|br|cl|dr|fl|gr|pl|st|tr|sh|ch|th|sp|sk");
const vowels = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ai", "ea", "oo", "ou", "ee", "y"] as const;
const codas = list("|||n|r|l|s|t|m|k|d|p|g|x|ck|nd|st|ng|sh|b|f|z");

export function madeUpWord(random: Random): string {
  const syllableCount = random.pick([1, 2, 2, 2]);
  let word = "";
  for (let index = 0; index < syllableCount; index += 1) {
    word += random.pick(onsets) + random.pick(vowels) + (random.chance(0.55) ? random.pick(codas) : "");
  }
  return word.length > 1 ? word : `${word}n`;
}

/**
 * A thing to talk about. With novelty 0 it is one of a few known things, so that finding it is learnt first; with
 * novelty 1 it is any noun and often a made-up word, so that copying is learnt and not only recall.
 */
export function anyItem(random: Random, novelty: number): string {
  const draw = random.next();
  if (draw > novelty * 0.75) return random.pick(supportItems);
  if (draw > novelty * 0.3) return random.pick(otherItems);
  const word = madeUpWord(random);
  if (draw > novelty * 0.06) return word;
  return `${random.pick(plainWords)} ${word}`;
}

export function anyLabel(random: Random, novelty: number): string {
  const anyWord = (): string => (random.chance(novelty * 0.4) ? madeUpWord(random) : random.pick(plainWords));
  const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  const style = random.next();
  if (style < 0.66) return anyWord();
  if (style < 0.75) return capital(anyWord());
  if (style < 0.87) return capital(anyWord()) + capital(anyWord());
  if (style < 0.94) return `${anyWord()}_${anyWord()}`;
  if (style < 0.97) return `${anyWord()}-${anyWord()}`;
  return anyWord().toUpperCase();
}
