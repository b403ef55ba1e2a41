import { z } from "zod";

/** What is read of the management API's answers: small and nullish, since the service adds and drops fields. */
export const endpointSchema = z.object({
  name: z.string(),
  provider: z.object({ vendor: z.string().nullish(), region: z.string().nullish() }).nullish(),
  compute: z
    .object({
      accelerator: z.string().nullish(),
      instanceType: z.string().nullish(),
      instanceSize: z.string().nullish(),
      scaling: z
        .object({
          minReplica: z.number().nullish(),
          maxReplica: z.number().nullish(),
          scaleToZeroTimeout: z.number().nullish(),
        })
        .nullish(),
    })
    .nullish(),
  model: z
    .object({
      repository: z.string().nullish(),
      revision: z.string().nullish(),
      image: z.record(z.string(), z.unknown()).nullish(),
      env: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
  status: z.object({
    state: z.string(),
    message: z.string().nullish(),
    errorMessage: z.string().nullish(),
    url: z.string().nullish(),
    readyReplica: z.number().nullish(),
    targetReplica: z.number().nullish(),
    createdAt: z.string().nullish(),
  }),
  tags: z.array(z.string()).nullish(),
});
export type Endpoint = z.infer<typeof endpointSchema>;

export const endpointListSchema = z.object({ items: z.array(endpointSchema) });

const computeSchema = z.object({
  accelerator: z.string(),
  instanceType: z.string(),
  instanceSize: z.string(),
  pricePerHour: z.number().nullish(),
  status: z.string().nullish(),
  numAccelerators: z.number().nullish(),
  quota: z.object({ maxAccelerators: z.number(), usedAccelerators: z.number() }).nullish(),
});

export const providersSchema = z.object({
  vendors: z.array(
    z.object({
      name: z.string(),
      regions: z.array(z.object({ name: z.string(), computes: z.array(computeSchema) })),
    }),
  ),
});

/** A machine of the price list, with where it stands. */
export type Compute = z.infer<typeof computeSchema> & { readonly vendor: string; readonly region: string };
