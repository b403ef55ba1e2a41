import type { EvaluationExample } from "@modelops/core";

/** A team, and how its tickets read. */
export const TEAMS: Readonly<Record<string, readonly string[]>> = {
  billing: [
    "I was charged twice for order",
    "The invoice is wrong for order",
    "Where is my refund for order",
  ],
  shipping: [
    "The parcel has not arrived for order",
    "The box was broken in order",
    "Please change the address of order",
  ],
  account: ["I cannot log in to see order", "Delete my data and order", "My e-mail is wrong on order"],
  technical: ["The app crashes when I open order", "The page stays white for order", "Error 500 at order"],
};

/** The text of a ticket without its number: what a model can know a team by. */
export function wordsOf(ticket: string): string {
  return ticket.replace(/\s*\d+$/, "");
}

export function teamOf(ticket: string): string | null {
  const words = wordsOf(ticket);
  return Object.entries(TEAMS).find(([, texts]) => texts.includes(words))?.[0] ?? null;
}

/** Tickets that no model was trained on, with the team that shall get them. */
export function heldOutTickets(count: number): readonly EvaluationExample[] {
  const texts = Object.entries(TEAMS).flatMap(([agent, all]) => all.map((text) => ({ agent, text })));
  return Array.from({ length: count }, (_, index) => {
    const { agent, text } = texts[index % texts.length] as (typeof texts)[number];
    return {
      id: `ticket-${index + 1}`,
      inputs: { question: `${text} ${4711 + index}` },
      outputs: { agent },
      metadata: { source: "made for this example" },
    };
  });
}
