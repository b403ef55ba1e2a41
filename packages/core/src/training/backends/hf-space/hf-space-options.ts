import { z } from "zod";

const token = z.string().regex(/^hf_\S+$/, "must be a Hugging Face token (it starts with hf_)");

export const hfSpaceOptionsSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  hardware: z.string().min(1),
  dialect: z.enum(["app", "app-full"]).default("app"),
  token: token.optional(),
  home: z.string().min(1).default(".modelops"),
  hubUrl: z.url({ protocol: /^https?$/ }).optional(),
  hubToken: token.optional(),
  pollMs: z.number().positive().default(30_000),
  wakeTimeoutMs: z.number().nonnegative().default(600_000),
  requestTimeoutMs: z.number().positive().default(300_000),
});

/** Options of `hfSpace()`: training by a REST trainer that runs in a Space. */
export interface HfSpaceOptions {
  /** Address of the running Space, such as `https://owner-name.hf.space`. */
  readonly url: string;
  /** The Space's hardware, such as `t4-small`: what it can train, and what an hour costs by the dated list. */
  readonly hardware: string;
  /** Which of the two published servers runs there. @default "app" */
  readonly dialect?: "app" | "app-full";
  /** Token for a private Space. It is sent to the Space: give one only to a Space that you trust. */
  readonly token?: string;
  /** Folder that remembers jobs: the Space has no list of them. @default ".modelops" */
  readonly home?: string;
  /** Default: `HF_ENDPOINT`, else the public Hub. */
  readonly hubUrl?: string;
  /** Reads the result on the Hub; never sent to the Space. Default: `HF_TOKEN` */
  readonly hubToken?: string;
  /** How often a job is asked for. @default 30000 */
  readonly pollMs?: number;
  /** How long a sleeping Space may take to wake up. @default 600000 (10 minutes) */
  readonly wakeTimeoutMs?: number;
  /** Of one request. @default 300000 */
  readonly requestTimeoutMs?: number;
}
