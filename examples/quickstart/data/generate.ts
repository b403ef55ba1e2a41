// Writes the data of the quickstart: support requests → tool calls, and the base skills that training must not destroy.
//
//   node examples/quickstart/data/generate.ts [--out folder] [--seed number]
//   node examples/quickstart/data/generate.ts --corpus file --corpus-rows number [--seed number]
//
// The first form writes train.jsonl, validation.jsonl, heldout.jsonl and base-skill.jsonl; the second writes the corpus
// from which the base model is made. Every sentence was written for this project. The same seed gives the same bytes.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

// ---------------------------------------------------------------------------------------------------------------------
// Random numbers

interface Random {
  next(): number;
  integer(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
  shuffle<T>(values: readonly T[]): T[];
}

/** mulberry32: 32 bits of state are enough here, and it is the same on every machine. */
function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const integer = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (values) => {
      const value = values[integer(values.length)];
      if (value === undefined) throw new RangeError("Cannot pick from an empty list.");
      return value;
    },
    shuffle: (values) => {
      const shuffled = [...values];
      for (let index = shuffled.length - 1; index > 0; index -= 1) {
        const other = integer(index + 1);
        const kept = shuffled[index] as (typeof shuffled)[number];
        shuffled[index] = shuffled[other] as (typeof shuffled)[number];
        shuffled[other] = kept;
      }
      return shuffled;
    },
  };
}

/** Long lists of short words are written as one text, entries parted by a bar. */
const list = (text: string): readonly string[] => text.split("|");

// ---------------------------------------------------------------------------------------------------------------------
// The task: support requests

const supportItems = list(
  "mug|lamp|kettle|backpack|keyboard|jacket|blanket|camera|toaster|umbrella|headset|bicycle|monitor|" +
    "wallet|tent|guitar|printer|vase|scarf|drill|desk chair|phone case|coffee grinder|water bottle",
);

/** `{item}` is where the item goes. */
const supportPhrasings: Readonly<Record<string, readonly string[]>> = {
  refund: [
    "I want my money back for the {item}.",
    "Please refund the {item} I bought last week.",
    "Could you return the money I paid for the {item}?",
    "How do I get a refund on my {item}?",
    "I sent the {item} back and still wait for my money.",
    "I am not happy with the {item}, a refund would be fair.",
  ],
  track: [
    "Where is my {item} right now?",
    "Has the {item} been shipped yet?",
    "When will the {item} get to my house?",
    "The courier page shows nothing about my {item}.",
    "Is the {item} I ordered already on its way?",
    "I am still waiting for the {item} to arrive.",
  ],
  cancel: [
    "Please cancel the {item}, I no longer need it.",
    "Do not send the {item} after all.",
    "Drop the {item} from the order before it ships.",
    "I ordered the {item} by mistake, please call it off.",
    "Is it too late to undo my order of the {item}?",
    "Kindly withdraw my order for one {item}.",
  ],
  exchange: [
    "Can I swap the {item} for a smaller one?",
    "The {item} has the wrong colour, I want another colour.",
    "I would like to trade my {item} for a different model.",
    "My {item} does not fit, can I have the next size?",
    "Please exchange the {item} for the blue version.",
    "Could I get a bigger {item} instead of this one?",
  ],
  repair: [
    "My {item} is broken, can someone fix it?",
    "Do you mend a damaged {item}?",
    "I need a technician to look at my {item}.",
    "Who can mend the {item} while it is under warranty?",
    "Please book a repair for the {item}.",
    "I dropped the {item} and it needs fixing.",
  ],
  invoice: [
    "I need the invoice for the {item}.",
    "Please mail me a receipt for my {item}.",
    "My office wants a bill for the {item}.",
    "Where can I download the invoice of the {item}?",
    "Give me proof of purchase for the {item}, please.",
    "For my taxes I need a receipt of the {item}.",
  ],
};

const supportGreetings = [
  "Hello. ",
  "Hi there! ",
  "Good morning. ",
  "Dear team! ",
  "A quick question. ",
] as const;
const supportClosings = [" Thank you.", " Thanks a lot!", " It is urgent.", " Best wishes, Ada."] as const;

interface Row {
  readonly kind: string;
  readonly user: string;
  readonly assistant: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Every phrasing with every item; greeting and closing are noise that the model has to see through. */
function createSupportRows(random: Random, greetingShare: number): Row[] {
  const rows: Row[] = [];
  for (const [tool, phrasings] of Object.entries(supportPhrasings)) {
    for (const [phrasingIndex, phrasing] of phrasings.entries()) {
      for (const item of supportItems) {
        const greeting = random.chance(greetingShare) ? random.pick(supportGreetings) : "";
        const closing = random.chance(greetingShare) ? random.pick(supportClosings) : "";
        rows.push({
          kind: "support-tool-call",
          user: greeting + phrasing.replace("{item}", item) + closing,
          assistant: JSON.stringify({ tool, item }),
          metadata: { tool, item, phrasing: `${tool}-${phrasingIndex + 1}` },
        });
      }
    }
  }
  return rows;
}

// ---------------------------------------------------------------------------------------------------------------------
// Base skills: everything the base model learns. None of them maps a support request to a tool.

const otherItems = list(
  "ring|book|table|pencil|hat|shoe|coat|spoon|fork|plate|bowl|clock|radio|rope|box|basket|broom|" +
    "bucket|candle|carpet|curtain|pillow|mirror|ladder|hammer|saw|bell|ball|kite|drum|flute|violin|" +
    "piano|doll|puzzle|card|stamp|letter|map|globe|lens|watch|belt|glove|sock|shirt|skirt|boot|apron|" +
    "towel|sponge|brush|comb|razor|soap|jar|jug|pan|pot|oven|fridge|fan|heater|router|tablet|laptop|" +
    "mouse|speaker|cable|charger|battery|torch|helmet|saddle|paddle|canoe|skate|racket|whistle|compass|" +
    "shovel|rake|hose|bench|stool|sofa|shelf|cabinet|drawer|frame|poster|notebook|folder|stapler|" +
    "rice cooker|hand towel|garden hose|tool box|bread knife|tea set|wall clock|bath mat|dog leash",
);

const colours = list("red|blue|green|black|white|yellow|brown|grey|pink|golden");
const places = list(
  "kitchen|garden|garage|office|attic|hall|cellar|shop|car|school|library|barn|train|hotel|park|studio",
);
const people = list(
  "Anna|Ben|Clara|David|Emma|Farid|Grace|Hugo|Ines|Jonas|Kira|Liam|Mia|Noor|Oscar|Petra|Quinn|Rosa|" +
    "Sven|Tara|Umar|Vera|Wendy|Yusuf|Zoe",
);
const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;
const keys = list(
  "tool|item|name|word|value|label|kind|type|topic|place|colour|mood|action|person|day|size|code|" +
    "title|answer|result|status|intent",
);
const plainWords = list(
  "open|close|start|stop|send|find|count|paint|clean|build|move|order|refund|track|cancel|repair|" +
    "exchange|invoice|search|play|book|rate|river|stone|cloud|forest|winter|summer|bread|honey|silver|" +
    "copper|tiger|falcon|planet|signal|market|bridge|engine|window",
);

const onsets = list("b|c|d|f|g|h|j|k|l|m|n|p|qu|r|s|t|v|w|x|y|z|br|cl|dr|fl|gr|pl|st|tr|sh|ch|th|sp|sk");
const vowels = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ai", "ea", "oo", "ou", "ee", "y"] as const;
const codas = list("|||n|r|l|s|t|m|k|d|p|g|x|ck|nd|st|ng|sh|b|f|z");

function madeUpWord(random: Random): string {
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
function anyItem(random: Random, novelty: number): string {
  const draw = random.next();
  if (draw > novelty * 0.75) return random.pick(supportItems);
  if (draw > novelty * 0.3) return random.pick(otherItems);
  const word = madeUpWord(random);
  if (draw > novelty * 0.06) return word;
  return `${random.pick(plainWords)} ${word}`;
}

function anyLabel(random: Random, novelty: number): string {
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

interface Sentence {
  readonly text: string;
  readonly item: string;
  readonly mood: "glad" | "sad" | "ask" | "plain";
}

const gladFrames = [
  "I love my new {item}.",
  "The {item} works so well.",
  "What a lovely {item} you have!",
  "My sister gave me a {item} and I am so happy.",
  "This {item} is the best one I ever had.",
  "I finally found my old {item}.",
  "We are very pleased with the {item}.",
  "The {item} came early, how nice!",
  "Everyone at home likes the {item}.",
  "I am so glad I took the {item}.",
  "The {item} looks great in my room.",
  "Thank you for the wonderful {item}.",
  "My {item} won a prize today.",
  "It is a joy to use this {item}.",
  "The children enjoy the {item} every day.",
  "Good news, the {item} is as good as new.",
] as const;
const sadFrames = [
  "I lost my {item} on the bus.",
  "Somebody took the {item} from my desk.",
  "The {item} fell into the lake.",
  "My poor {item} got wet in the rain.",
  "The dog bit my {item}.",
  "I miss the {item} that I had as a child.",
  "The {item} burned in the fire.",
  "I am sad about the {item}.",
  "My {item} is gone and I cannot find it.",
  "We left the {item} on the beach.",
  "The {item} was stolen last night.",
  "Sadly the {item} has a big hole.",
  "I feel bad because I forgot the {item}.",
  "The old {item} fell apart today.",
  "It hurts to see the {item} in the bin.",
  "The {item} is too dirty to keep.",
] as const;
const askFrames = [
  "Do you like the {item}?",
  "What do you think about my {item}?",
  "Who made this {item}?",
  "Can you see the {item} over there?",
  "How old is the {item}?",
  "Is this your {item} or mine?",
  "Did you ever use a {item}?",
  "Could you hold the {item} for a minute?",
  "Why is the {item} so heavy?",
  "Would you like to have a {item}?",
  "Is it hard to draw a {item}?",
  "May I borrow the {item} until Sunday?",
  "Which {item} is the best for a beginner?",
  "How does one clean a {item}?",
  "Was the {item} here before?",
  "Shall we take the {item} with us?",
] as const;
const plainStarts = [
  "I put",
  "We keep",
  "She sold",
  "He bought",
  "They moved",
  "You left",
  "My aunt painted",
  "Our neighbour found",
  "Please bring",
  "Please look at",
  "Could you wrap",
  "I would like to see",
  "I need",
  "Can you show me",
  "We talked about",
  "Kindly carry",
  "The teacher drew",
  "Take",
  "Let us wash",
  "I am looking for",
  "Someone opened",
  "Tom asked about",
  "I paid for",
  "We ordered",
  "I am waiting for",
  "Do not forget",
  "It was easy to lift",
  "You can rent",
  "I picked",
  "They sent me",
] as const;
const determiners = list("the|a|my|your|this|that|one|our|another|the new|the old|an old|the small|the next");
const plainEnds = [
  ".",
  ".",
  ".",
  " today.",
  " yesterday.",
  " last week.",
  " in the morning.",
  " for my mother.",
  " with some tape.",
  " before lunch.",
  " on the shelf.",
  " after the party.",
  ", please.",
  ", as you know.",
  " and went home.",
  " because it was cheap.",
  " near the door.",
  " for ten coins.",
  " by mistake.",
  " so we could rest.",
  " while it rained.",
  " and nothing else.",
  " from the list.",
  " again and again.",
] as const;
const plainWholes = [
  "There is a {item} under the bed.",
  "The {item} stands next to the lamp post.",
  "A {item} costs more than a sandwich.",
  "On Friday the {item} will be cleaned.",
  "For the trip we need a {item} and some water.",
  "The {item}, which was old, stood in a corner.",
  "Under the tree lay a {item}.",
  "The {item} belongs to my uncle.",
  "Nobody knew how the {item} got there.",
  "Yes, that {item} over there.",
  "Once upon a time there was a {item}.",
  "If you see the {item}, tell me.",
  "The {item} is made of wood.",
  "My {item} has two handles and a lid.",
  "About the {item}: it is heavy.",
  "The box with the {item} is on the table.",
  "Page three shows a {item}.",
  "It says here that the {item} is round.",
  "The price of the {item} went up.",
  "There was a note on the {item}.",
  "With the {item} came a small book.",
  "The colour of the {item} is hard to name.",
  "The shop has one {item} left.",
  "A part of the {item} shines in the sun.",
  "The number of the {item} is on the back.",
  "Is the {item} in the box? Let me look.",
] as const;
const openers = [
  "Hello! ",
  "Hi! ",
  "Well. ",
  "Just a word. ",
  "Good evening. ",
  "Dear friend! ",
  "Listen. ",
  "So be it. ",
  "Good day. ",
  "One thing. ",
  "Hey there! ",
  "Let me say this. ",
] as const;
const enders = [
  " Thanks.",
  " Bye!",
  " See you soon.",
  " That is all.",
  " Best regards, Max.",
  " Have a nice day.",
  " It was fun.",
  " No hurry.",
] as const;

function anySentence(random: Random, item: string): Sentence {
  const draw = random.next();
  let text: string;
  let mood: Sentence["mood"];
  if (draw < 0.18) {
    text = random.pick(gladFrames);
    mood = "glad";
  } else if (draw < 0.36) {
    text = random.pick(sadFrames);
    mood = "sad";
  } else if (draw < 0.54) {
    text = random.pick(askFrames);
    mood = "ask";
  } else if (draw < 0.7) {
    text = random.pick(plainWholes);
    mood = "plain";
  } else {
    text = `${random.pick(plainStarts)} ${random.pick(determiners)} {item}${random.pick(plainEnds)}`;
    mood = "plain";
  }
  if (random.chance(0.2)) text = random.pick(openers) + text;
  if (random.chance(0.15)) text += random.pick(enders);
  return { text: text.replace("{item}", item), item, mood };
}

type Skill = (random: Random, novelty: number) => { readonly user: string; readonly assistant: string };

const smallTalkPairs: readonly (readonly [readonly string[], string])[] = [
  [["Hello!", "Hi!", "Hello there.", "Good morning!", "Hey!"], "Hello! How can I help?"],
  [["How are you?", "How are you today?", "Are you well?", "How do you feel?"], "I am fine, thank you."],
  [["Who are you?", "What are you?", "What is your name?", "Tell me who you are."], "I am a tiny model."],
  [["Thank you!", "Thanks a lot.", "Many thanks!", "I thank you."], "You are welcome."],
  [["Goodbye!", "Bye!", "See you later.", "Good night!"], "Goodbye, take care."],
  [["Can you help me?", "I need help.", "Help me, please.", "Please help."], "Yes, tell me more."],
  [
    ["What can you do?", "What are you able to do?", "What do you know?"],
    "I can copy words and write small JSON.",
  ],
  [["Are you a person?", "Are you human?", "Are you real?"], "No, I am a small program."],
  [["Tell me a joke.", "Make me laugh.", "Say something funny."], "I only know short words."],
  [["How old are you?", "When were you made?", "What is your age?"], "I am quite new."],
];

const smallTalk: Skill = (random) => {
  const [questions, answer] = random.pick(smallTalkPairs);
  const person = random.chance(0.3) ? `${random.pick(people)} here. ` : "";
  return { user: person + random.pick(questions), assistant: answer };
};

/** Answers a remark: the answer depends on the mood and repeats the item. */
const remark: Skill = (random, novelty) => {
  const { text, item, mood } = anySentence(random, anyItem(random, novelty));
  const answers = {
    glad: `Nice ${item}!`,
    sad: `Sorry about the ${item}.`,
    ask: `I do not know the ${item}.`,
    plain: `I see, the ${item}.`,
  };
  return { user: `Chat: ${text}`, assistant: answers[mood] };
};

const nameItem: Skill = (random, novelty) => {
  const { text, item } = anySentence(random, anyItem(random, novelty));
  const instruction = random.pick([
    "Name the item: {text}",
    "Item? {text}",
    "Which item is it? {text}",
    "{text} Name the item.",
  ]);
  return { user: instruction.replace("{text}", text), assistant: item };
};

const jsonItem: Skill = (random, novelty) => {
  const { text, item } = anySentence(random, anyItem(random, novelty));
  const key = random.chance(0.7) ? "item" : random.pick(["thing", "object", "word", "name", "value"]);
  const instruction = random.pick([
    `JSON ${key}: {text}`,
    `{text} JSON ${key}.`,
    `Item as JSON ${key}: {text}`,
  ]);
  return { user: instruction.replace("{text}", text), assistant: JSON.stringify({ [key]: item }) };
};

const moodAndItem: Skill = (random, novelty) => {
  const { text, item, mood } = anySentence(random, anyItem(random, novelty));
  return random.chance(0.6)
    ? { user: `JSON mood, item: ${text}`, assistant: JSON.stringify({ mood, item }) }
    : random.chance(0.5)
      ? { user: `JSON mood: ${text}`, assistant: JSON.stringify({ mood }) }
      : { user: `Mood? ${text}`, assistant: mood };
};

const actions: Readonly<Record<string, readonly string[]>> = {
  give: [
    "{person} gave the {item} to a friend.",
    "{person} made a gift of the {item}.",
    "The {item} was handed over by {person}.",
    "{person} lets us have the {item} for free.",
  ],
  sell: [
    "{person} sold the {item} at the market.",
    "{person} got ten coins for the {item}.",
    "The {item} was sold by {person}.",
    "{person} put the {item} up for sale.",
  ],
  wash: [
    "{person} washed the {item} with soap.",
    "{person} rinsed the dirty {item}.",
    "The {item} is clean now, says {person}.",
    "{person} scrubbed the {item} for an hour.",
  ],
  hide: [
    "{person} hid the {item} behind the wall.",
    "{person} put the {item} where nobody looks.",
    "The {item} was kept secret by {person}.",
    "{person} covered the {item} with leaves.",
  ],
  lift: [
    "{person} lifted the {item} with both hands.",
    "{person} held the {item} up high.",
    "The {item} was raised by {person}.",
    "{person} picked the {item} up from the floor.",
  ],
  draw: [
    "{person} drew the {item} on paper.",
    "{person} made a sketch of the {item}.",
    "The {item} in the picture is by {person}.",
    "{person} painted the {item} with oil.",
  ],
};

const actionAndItem: Skill = (random, novelty) => {
  const item = anyItem(random, novelty);
  const person = random.chance(0.7) ? random.pick(people) : "he";
  const action = random.pick(Object.keys(actions));
  const frame = random
    .pick(actions[action] as readonly string[])
    .replace("{person}", person)
    .replace("{item}", item);
  const text =
    (random.chance(0.2) ? random.pick(openers) : "") +
    frame +
    (random.chance(0.15) ? random.pick(enders) : "");
  return random.chance(0.75)
    ? { user: `JSON action, item: ${text}`, assistant: JSON.stringify({ action, item }) }
    : { user: `Action? ${text}`, assistant: action };
};

const detailAndItem: Skill = (random, novelty) => {
  const item = anyItem(random, novelty);
  const colour = random.chance(0.7) ? random.pick(colours) : madeUpWord(random);
  const place = random.chance(0.7) ? random.pick(places) : madeUpWord(random);
  const person = random.pick(people);
  const day = random.pick(days);
  const draw = random.integer(4);
  if (draw === 0) {
    const text = random.pick([
      `The ${item} is ${colour}.`,
      `I have a ${colour} ${item}.`,
      `Who wants a ${colour} ${item}?`,
      `We painted the ${item} ${colour}.`,
    ]);
    return { user: `JSON colour, item: ${text}`, assistant: JSON.stringify({ colour, item }) };
  }
  if (draw === 1) {
    const text = random.pick([
      `The ${item} is in the ${place}.`,
      `In the ${place} you find the ${item}.`,
      `Go to the ${place} and fetch the ${item}.`,
      `I left my ${item} at the ${place}.`,
    ]);
    return { user: `JSON place, item: ${text}`, assistant: JSON.stringify({ place, item }) };
  }
  if (draw === 2) {
    const text = random.pick([
      `${person} has a ${item}.`,
      `The ${item} belongs to ${person}.`,
      `Ask ${person} about the ${item}.`,
      `I got the ${item} from ${person}.`,
    ]);
    return { user: `JSON person, item: ${text}`, assistant: JSON.stringify({ person, item }) };
  }
  const text = random.pick([
    `On ${day} I need the ${item}.`,
    `Bring the ${item} on ${day}.`,
    `The ${item} will be ready by ${day}.`,
    `${day} is the day of the ${item}.`,
  ]);
  return { user: `JSON day, item: ${text}`, assistant: JSON.stringify({ day, item }) };
};

/** Writes down pairs that were spelled out: keys and values of every style. */
const jsonEcho: Skill = (random, novelty) => {
  const firstKey = random.pick(keys);
  const firstValue = anyLabel(random, novelty);
  if (random.chance(0.45)) {
    const user = random.pick([
      `JSON ${firstKey} = ${firstValue}`,
      `Write JSON: ${firstKey} ${firstValue}`,
      `As JSON, ${firstKey}: ${firstValue}`,
    ]);
    return { user, assistant: JSON.stringify({ [firstKey]: firstValue }) };
  }
  const secondKey = random.pick(keys.filter((key) => key !== firstKey));
  const secondValue = anyLabel(random, novelty);
  const user = random.pick([
    `JSON ${firstKey} = ${firstValue}, ${secondKey} = ${secondValue}`,
    `Write JSON: ${firstKey} ${firstValue}, ${secondKey} ${secondValue}`,
    `As JSON, ${firstKey}: ${firstValue}; ${secondKey}: ${secondValue}`,
  ]);
  return { user, assistant: JSON.stringify({ [firstKey]: firstValue, [secondKey]: secondValue }) };
};

const copyWords: Skill = (random, novelty) => {
  const words = Array.from({ length: 1 + random.integer(2) }, () => anyLabel(random, novelty)).join(" ");
  return { user: `${random.pick(["Copy: ", "Repeat: ", "Say again: "])}${words}`, assistant: words };
};

const topics: Readonly<Record<string, readonly string[]>> = {
  weather: [
    "Will it rain in {place}?",
    "How cold is it going to be on {day}?",
    "Is there snow near {place} this week?",
    "Tell me if {day} will be sunny.",
    "It is windy and grey in {place}.",
    "Do I need warm clothes on {day}?",
    "A storm comes to {place} tonight.",
    "What is the forecast around {place}?",
  ],
  music: [
    "Play a song by {person}.",
    "I want to hear some jazz from {person}.",
    "Put {word} on my list of songs.",
    "Turn the tune {word} up.",
    "The band {word} sings on {day}.",
    "Start the album {word} by {person}.",
    "Add this track to {word}.",
    "Who plays the drums in {word}?",
  ],
  food: [
    "Reserve a table for {number} in {place}.",
    "I would like to eat noodles on {day}.",
    "Find a place to dine near {place}.",
    "We are hungry, book a diner for {number} people.",
    "Cook soup with {word} for {person}.",
    "Is there a bakery in {place}?",
    "A table at {word} for {number}, please.",
    "{person} wants a pizza with {word}.",
  ],
  reading: [
    "I give the novel {word} {number} stars.",
    "This book deserves {number} of six points.",
    "{person} wrote the story {word}.",
    "Rate the series {word} {number} out of five.",
    "The last chapter of {word} was dull.",
    "My grade for the essay is {number}.",
    "Mark the saga {word} as read.",
    "I would call {word} a good read.",
  ],
  film: [
    "When does the movie {word} start in {place}?",
    "Which films are shown at {place}?",
    "Is {word} on screen near {place} on {day}?",
    "Show me times for the cinema.",
    "Find a theatre that shows {word}.",
    "The actor {person} is in {word}.",
    "I want to watch an animated movie on {day}.",
    "What is on at the movie house in {place}?",
  ],
  search: [
    "Look up the painting {word}.",
    "Find the game called {word}.",
    "Where can I see the photo {word}?",
    "Show me the trailer of {word}.",
    "Search for the show {word}.",
    "I am looking for the work {word} by {person}.",
    "Get me the picture {word}.",
    "Please find the programme {word}.",
  ],
  travel: [
    "Book a train to {place} on {day}.",
    "How far is {place} from here?",
    "I need a ticket from {place} to the sea.",
    "The bus leaves at {number} on {day}.",
    "Take me to {place}.",
    "{person} flies to {place} tomorrow.",
    "Is there a hotel near {place}?",
    "Which road goes to {place}?",
  ],
  sport: [
    "Who won the match on {day}?",
    "{person} scored {number} goals.",
    "The team of {place} plays on {day}.",
    "I run {number} miles every {day}.",
    "When is the next race in {place}?",
    "Our coach {person} is strict.",
    "They lost the game by {number} points.",
    "She swims faster than {person}.",
  ],
};
const numbers = list("one|two|three|four|five|six|seven|2|3|4|5|8|10");

function topicSentence(random: Random): { readonly topic: string; readonly text: string } {
  const topic = random.pick(Object.keys(topics));
  const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  const text = random
    .pick(topics[topic] as readonly string[])
    .replace("{place}", random.chance(0.5) ? `the ${random.pick(places)}` : capital(madeUpWord(random)))
    .replace("{day}", random.pick(days))
    .replace(
      "{person}",
      random.chance(0.5) ? random.pick(people) : `${random.pick(people)} ${capital(madeUpWord(random))}`,
    )
    .replace(
      "{word}",
      `${random.chance(0.4) ? "the " : ""}${random.pick([madeUpWord(random), random.pick(plainWords), random.pick(otherItems)])}`,
    )
    .replace("{number}", random.pick(numbers));
  return {
    topic,
    text:
      (random.chance(0.15) ? random.pick(openers) : "") +
      text +
      (random.chance(0.1) ? random.pick(enders) : ""),
  };
}

const topicOfSentence: Skill = (random) => {
  const { topic, text } = topicSentence(random);
  return random.chance(0.65)
    ? { user: `JSON topic: ${text}`, assistant: JSON.stringify({ topic }) }
    : { user: `Topic? ${text}`, assistant: topic };
};

const chooseLabel: Skill = (random) => {
  const { topic, text } = topicSentence(random);
  const other = random.pick(Object.keys(topics).filter((candidate) => candidate !== topic));
  const [first, second] = random.chance(0.5) ? [topic, other] : [other, topic];
  return { user: `Choose ${first} or ${second}: ${text}`, assistant: topic };
};

const yesOrNo: Skill = (random, novelty) => {
  const colour = random.pick(colours);
  const asked = random.chance(0.5)
    ? colour
    : random.pick(colours.filter((candidate) => candidate !== colour));
  return {
    user: `The ${anyItem(random, novelty)} is ${colour}. Is it ${asked}?`,
    assistant: asked === colour ? "yes" : "no",
  };
};

const skills: readonly { readonly name: string; readonly weight: number; readonly create: Skill }[] = [
  { name: "small-talk", weight: 4, create: smallTalk },
  { name: "remark", weight: 10, create: remark },
  { name: "name-item", weight: 10, create: nameItem },
  { name: "json-item", weight: 14, create: jsonItem },
  { name: "mood-and-item", weight: 10, create: moodAndItem },
  { name: "action-and-item", weight: 10, create: actionAndItem },
  { name: "detail-and-item", weight: 9, create: detailAndItem },
  { name: "json-echo", weight: 10, create: jsonEcho },
  { name: "copy-words", weight: 5, create: copyWords },
  { name: "topic", weight: 10, create: topicOfSentence },
  { name: "choose-label", weight: 5, create: chooseLabel },
  { name: "yes-or-no", weight: 4, create: yesOrNo },
];
const totalWeight = skills.reduce((sum, skill) => sum + skill.weight, 0);

function createSkillRow(random: Random, novelty: number): Row {
  let remaining = random.next() * totalWeight;
  for (const skill of skills) {
    remaining -= skill.weight;
    if (remaining < 0)
      return { kind: "base-skill", ...skill.create(random, novelty), metadata: { skill: skill.name } };
  }
  throw new Error("The weights of the skills do not add up.");
}

/** Distinct rows whose prompt is in none of the given sets; small talk may repeat, it has few forms. */
function createSkillRows(
  random: Random,
  count: number,
  excludedPrompts: ReadonlySet<string>,
  noveltyAt: (share: number) => number = () => 1,
): Row[] {
  const rows: Row[] = [];
  const seen = new Set<string>();
  while (rows.length < count) {
    const row = createSkillRow(random, noveltyAt(rows.length / count));
    const isRepeated = seen.has(row.user) && row.metadata.skill !== "small-talk";
    if (isRepeated || excludedPrompts.has(row.user)) continue;
    seen.add(row.user);
    rows.push(row);
  }
  return rows;
}

// ---------------------------------------------------------------------------------------------------------------------
// Splits and files

const heldoutCount = 168;
const validationCount = 120;
const baseSkillCount = 120;
const replayShare = 0.3;

interface Splits {
  readonly train: Row[];
  readonly validation: Row[];
  readonly heldout: Row[];
  readonly baseSkill: Row[];
}

/** Combinations are held out, never whole items or phrasings: what is asked for is recombination. */
function createSplits(seed: number): Splits {
  const random = createRandom(seed);
  const shuffled = random.shuffle(createSupportRows(random, 0.18));
  const heldout = shuffled.slice(0, heldoutCount);
  const validation = shuffled.slice(heldoutCount, heldoutCount + validationCount);
  const training = shuffled.slice(heldoutCount + validationCount);
  for (const field of ["item", "phrasing"]) {
    const known = new Set(training.map((row) => row.metadata[field]));
    const missing = shuffled.find((row) => !known.has(row.metadata[field]));
    if (missing)
      throw new Error(`${field} "${missing.metadata[field]}" has no training row: use another seed.`);
  }
  // A second wording of each training combination, mostly with greeting and closing.
  const combination = (row: Row): string => `${row.metadata.phrasing} ${row.metadata.item}`;
  const trained = new Map(training.map((row) => [combination(row), row.user]));
  const reworded = createSupportRows(random, 0.6).filter((row) => {
    const user = trained.get(combination(row));
    return user !== undefined && user !== row.user;
  });
  const supportRows = [...training, ...reworded];
  const baseSkill = createSkillRows(createRandom(seed + 1), baseSkillCount, new Set());
  const replayCount = Math.round((supportRows.length * replayShare) / (1 - replayShare));
  const replay = createSkillRows(
    createRandom(seed + 2),
    replayCount,
    new Set(baseSkill.map((row) => row.user)),
  );
  return { train: random.shuffle([...supportRows, ...replay]), validation, heldout, baseSkill };
}

/** The corpus starts narrow: on the full variety from the first row the base learns several times more slowly. */
const corpusNovelty = (share: number): number => Math.min(1, Math.max(0, (share - 0.06) / 0.12));

const toTrainingLine = (row: Row): string =>
  JSON.stringify({
    prompt: [{ role: "user", content: row.user }],
    completion: [{ role: "assistant", content: row.assistant }],
  });

const toEvaluationLine =
  (split: string) =>
  (row: Row, index: number): string =>
    JSON.stringify({
      id: `${split}-${String(index + 1).padStart(3, "0")}`,
      inputs: { messages: [{ role: "user", content: row.user }] },
      outputs: { text: row.assistant },
      metadata: { kind: row.kind, ...row.metadata },
    });

function writeLines(file: string, lines: readonly string[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join("\n")}\n`);
  console.log(`${file}: ${lines.length} rows`);
}

function main(): void {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      seed: { type: "string", default: "20261123" },
      corpus: { type: "string" },
      "corpus-rows": { type: "string", default: "120000" },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed))
    throw new TypeError(`--seed must be a whole number, not "${values.seed}".`);
  const splits = createSplits(seed);
  if (values.corpus !== undefined) {
    const rowCount = Number(values["corpus-rows"]);
    if (!Number.isSafeInteger(rowCount) || rowCount < 1)
      throw new TypeError(`--corpus-rows must be a positive whole number, not "${values["corpus-rows"]}".`);
    const measured = new Set(
      splits.baseSkill.filter((row) => row.metadata.skill !== "small-talk").map((row) => row.user),
    );
    writeLines(
      resolve(values.corpus),
      createSkillRows(createRandom(seed + 3), rowCount, measured, corpusNovelty).map(toTrainingLine),
    );
    return;
  }
  const folder = resolve(values.out ?? dirname(fileURLToPath(import.meta.url)));
  writeLines(join(folder, "train.jsonl"), splits.train.map(toTrainingLine));
  writeLines(join(folder, "validation.jsonl"), splits.validation.map(toEvaluationLine("validation")));
  writeLines(join(folder, "heldout.jsonl"), splits.heldout.map(toEvaluationLine("heldout")));
  writeLines(join(folder, "base-skill.jsonl"), splits.baseSkill.map(toEvaluationLine("base-skill")));
}

main();
