// Everything the base model learns. None of it maps a support request to a tool.
import type { Random } from "../random.ts";
import type { Row } from "../row.ts";
import { actions } from "./actions.ts";
import { anySentence, enders, openers } from "./sentences.ts";
import { topicSentence, topics } from "./topics.ts";
import { anyItem, anyLabel, colours, days, keys, madeUpWord, people, places } from "./words.ts";

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
export function createSkillRows(
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
