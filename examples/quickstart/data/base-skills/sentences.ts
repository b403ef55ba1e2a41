import type { Random } from "../random.ts";
import { list } from "../word-list.ts";

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
export const openers = [
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
export const enders = [
  " Thanks.",
  " Bye!",
  " See you soon.",
  " That is all.",
  " Best regards, Max.",
  " Have a nice day.",
  " It was fun.",
  " No hurry.",
] as const;

export function anySentence(random: Random, item: string): Sentence {
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
