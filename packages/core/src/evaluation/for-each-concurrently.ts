/**
 * Runs `work` on each item with at most `concurrency` at a time, reading the source only as fast as it is worked on.
 * After the first failure nothing new is started; it rejects with that failure once the running ones have ended.
 */
export async function forEachConcurrently<Item>(
  source: AsyncIterable<Item>,
  concurrency: number,
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let nextIndex = 0;
  let failure: { readonly error: unknown } | null = null;

  async function worker(): Promise<void> {
    while (failure === null) {
      try {
        const { value, done } = await iterator.next();
        if (done || failure !== null) return;
        const index = nextIndex;
        nextIndex += 1;
        await work(value, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  }

  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failure !== null) {
    await iterator.return?.();
    throw (failure as { readonly error: unknown }).error;
  }
}
