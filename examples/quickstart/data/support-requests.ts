// The task: support requests, each with the tool call it asks for.
import type { Random } from "./random.ts";
import type { Row } from "./row.ts";
import { list } from "./word-list.ts";

export const supportItems = list(
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

/** Every phrasing with every item; greeting and closing are noise that the model has to see through. */
export function createSupportRows(random: Random, greetingShare: number): Row[] {
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
