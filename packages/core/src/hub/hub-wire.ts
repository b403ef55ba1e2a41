import { z } from "zod";

const text = z.string().nullish();
const count = z.number().nullish();
const unknown = z.unknown().optional();

/** `false`, `"auto"` or `"manual"`; anything else means a gate of a kind that is not known here. */
const gated = z
  .unknown()
  .optional()
  .transform((value) => (value === false || value == null ? false : value === "auto" ? "auto" : "manual"));

export const repositorySchema = z.looseObject({
  id: z.string(),
  author: text,
  sha: text,
  private: z.boolean().nullish(),
  gated,
  disabled: z.boolean().nullish(),
  downloads: count,
  likes: count,
  createdAt: text,
  lastModified: text,
  tags: z.array(z.string()).nullish(),
  pipeline_tag: text,
  library_name: text,
  sdk: text,
  cardData: z
    .looseObject({
      license: unknown,
      license_name: unknown,
      license_link: unknown,
      title: unknown,
    })
    .nullish()
    .catch(null),
  config: z
    .looseObject({
      architectures: z.array(z.string()).nullish(),
      model_type: text,
      tokenizer_config: z.looseObject({ chat_template: unknown }).nullish(),
    })
    .nullish()
    .catch(null),
  safetensors: z
    .looseObject({ total: count, parameters: z.record(z.string(), z.number()).nullish() })
    .nullish()
    .catch(null),
  siblings: z.array(z.looseObject({ rfilename: z.string(), size: count })).nullish(),
});

/** A repository as the Hub shows it in lists and by itself. */
export type WireRepository = z.output<typeof repositorySchema>;

export const papersSchema = z.array(
  z.looseObject({
    paper: z.looseObject({
      id: z.string(),
      title: text,
      summary: text,
      authors: z.array(z.looseObject({ name: text })).nullish(),
      publishedAt: text,
      upvotes: count,
      githubRepo: text,
    }),
  }),
);

export const docsSchema = z.array(
  z.looseObject({
    text: text,
    product: text,
    source_page_url: text,
    source_page_title: text,
    heading1: text,
    heading2: text,
    heading3: text,
    heading4: text,
    heading5: text,
  }),
);

/** `config.json` of a model: only there is its shape. */
export const modelConfigSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: text,
  num_hidden_layers: count,
  hidden_size: count,
  vocab_size: count,
  max_position_embeddings: count,
  /** Where models that also see keep the language part. */
  text_config: z
    .looseObject({
      num_hidden_layers: count,
      hidden_size: count,
      vocab_size: count,
      max_position_embeddings: count,
    })
    .nullish(),
});
