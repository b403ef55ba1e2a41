import { expectTypeOf, test } from "vitest";
import type { EventOf, ModelOpsEvent } from "./event.ts";
import type { EventSubscriptions } from "./event-source.ts";

type Events = { readonly "thing.happened": { readonly count: number }; readonly "thing.ended": null };
declare const source: EventSubscriptions<Events>;

test("payloads are typed by the event's type, and wrong ones do not compile", () => {
  source.on("thing.happened", (event) => {
    expectTypeOf(event).toEqualTypeOf<ModelOpsEvent<"thing.happened", { readonly count: number }>>();
    // @ts-expect-error there is no such field
    event.data.counts;
  });
  // @ts-expect-error there is no such event
  source.on("thing.exploded", () => {});
  // @ts-expect-error the payload is not a string
  source.on("thing.happened", (event: ModelOpsEvent<"thing.happened", string>) => event);
  expectTypeOf<EventOf<Events>["type"]>().toEqualTypeOf<"thing.happened" | "thing.ended">();
});
