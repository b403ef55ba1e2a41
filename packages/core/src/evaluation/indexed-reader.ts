export interface IndexedItem<Item> {
  /** Position in the source, from 0. */
  readonly index: number;
  readonly value: Item;
}

/** A source that several workers read from, each as fast as it works: nothing is read ahead. */
export class IndexedReader<Item> {
  readonly #iterator: Iterator<Item> | AsyncIterator<Item>;
  #nextIndex = 0;
  #isDone = false;

  constructor(source: Iterable<Item> | AsyncIterable<Item>) {
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** The next item, null at the end. A promise only where the source needs one. */
  next(): IndexedItem<Item> | null | Promise<IndexedItem<Item> | null> {
    const result = this.#iterator.next();
    return result instanceof Promise ? result.then((read) => this.#item(read)) : this.#item(result);
  }

  /** Tells the source that nothing more is read. */
  async close(): Promise<void> {
    if (!this.#isDone) await this.#iterator.return?.();
  }

  #item(result: IteratorResult<Item>): IndexedItem<Item> | null {
    if (result.done) {
      this.#isDone = true;
      return null;
    }
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    return { index, value: result.value };
  }
}
