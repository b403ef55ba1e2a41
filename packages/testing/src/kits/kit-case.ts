/** The two functions of a test runner the kit needs: vitest's, or node:test's. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** What a case works on: made fresh for each case, removed after it. */
export interface KitPlace {
  /** Removes what the place left behind. */
  remove?(): Promise<void> | void;
}

export interface KitFactory<Place extends KitPlace> {
  /** Shown as the title of the suite. */
  readonly name: string;
  create(): Promise<Place> | Place;
}

/** One promise of a contract. Rejects when the plug-in does not keep it. */
export interface KitCase<Place extends KitPlace> {
  readonly name: string;
  run(place: Place): Promise<void>;
}

/** Runs one case on a fresh place and cleans up. */
export async function runKitCase<Place extends KitPlace>(
  kitCase: KitCase<Place>,
  factory: KitFactory<Place>,
): Promise<void> {
  const place = await factory.create();
  try {
    await kitCase.run(place);
  } finally {
    await place.remove?.();
  }
}

/** All cases of a kit as one suite of the given runner. */
export function describeKit<Place extends KitPlace>(
  contract: string,
  cases: readonly KitCase<Place>[],
  factory: KitFactory<Place>,
  runner: TestRunner,
): void {
  runner.describe(`${factory.name} keeps the contract ${contract}`, () => {
    for (const kitCase of cases) runner.it(kitCase.name, () => runKitCase(kitCase, factory));
  });
}
