import { z } from "zod";

/** Who did it. `id` is a name the host chooses (a user, a service, an agent); never a secret. */
export const actorSchema = z.object({
  type: z.enum(["person", "service", "agent", "system"]),
  id: z.string().min(1).max(200),
});
export type Actor = z.infer<typeof actorSchema>;
