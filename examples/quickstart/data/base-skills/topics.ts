import type { Random } from "../random.ts";
import { list } from "../word-list.ts";
import { enders, openers } from "./sentences.ts";
import { days, madeUpWord, otherItems, people, places, plainWords } from "./words.ts";

export const topics: Readonly<Record<string, readonly string[]>> = {
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

export function topicSentence(random: Random): { readonly topic: string; readonly text: string } {
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
