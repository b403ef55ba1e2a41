/** States of the management API. */
export type EndpointState =
  | "pending"
  | "initializing"
  | "running"
  | "updating"
  | "updateFailed"
  | "failed"
  | "paused"
  | "scaledToZero";

export interface EndpointTimes {
  /** Until a machine is found. @default 15_000 */
  readonly pendingMs: number;
  /** Until the model is loaded. @default 150_000 */
  readonly initializingMs: number;
  /** Until a changed endpoint runs. @default 120_000 */
  readonly updatingMs: number;
}

type Phase =
  | {
      readonly kind: "starting";
      readonly sinceMs: number;
      readonly pendingMs: number;
      readonly fails: boolean;
    }
  | { readonly kind: "updating"; readonly sinceMs: number; readonly fails: boolean }
  | { readonly kind: "resting"; readonly state: "paused" | "scaledToZero" };

/**
 * Where an endpoint stands, as a function of the clock: nothing ticks, so a jump of three hours costs nothing.
 */
export class EndpointLife {
  readonly #times: () => EndpointTimes;
  readonly #idleMs: () => number | null;
  #phase: Phase;
  #lastRequestMs: number;

  /** `idleMs`: idle time before it scales to zero, null = never. */
  constructor(options: {
    readonly nowMs: number;
    readonly times: () => EndpointTimes;
    readonly idleMs: () => number | null;
    readonly fails: boolean;
  }) {
    this.#times = options.times;
    this.#idleMs = options.idleMs;
    this.#lastRequestMs = options.nowMs;
    this.#phase = {
      kind: "starting",
      sinceMs: options.nowMs,
      pendingMs: options.times().pendingMs,
      fails: options.fails,
    };
  }

  state(nowMs: number): EndpointState {
    const phase = this.#phase;
    if (phase.kind === "resting") return phase.state;
    if (phase.kind === "updating") {
      if (nowMs < phase.sinceMs + this.#times().updatingMs) return "updating";
      if (phase.fails) return "updateFailed";
    }
    if (phase.kind === "starting") {
      if (nowMs < phase.sinceMs + phase.pendingMs) return "pending";
      if (nowMs < this.#upAtMs(phase)) return "initializing";
      if (phase.fails) return "failed";
    }
    return this.#isIdle(nowMs) ? "scaledToZero" : "running";
  }

  /** Answers requests: also while it is updated, or after an update that failed. */
  isServing(nowMs: number): boolean {
    return ["running", "updating", "updateFailed"].includes(this.state(nowMs));
  }

  pause(): void {
    this.#phase = { kind: "resting", state: "paused" };
  }

  scaleToZero(): void {
    this.#phase = { kind: "resting", state: "scaledToZero" };
  }

  /** Starts again after a pause, from zero, or after a failure. */
  resume(nowMs: number, fails: boolean): void {
    const pendingMs = this.state(nowMs) === "scaledToZero" ? 0 : this.#times().pendingMs;
    this.#phase = { kind: "starting", sinceMs: nowMs, pendingMs, fails };
    this.#lastRequestMs = nowMs;
  }

  update(nowMs: number, fails: boolean): void {
    if (this.isServing(nowMs)) this.#phase = { kind: "updating", sinceMs: nowMs, fails };
    else if (this.state(nowMs) === "failed") this.resume(nowMs, fails);
    this.#lastRequestMs = nowMs;
  }

  noteRequest(nowMs: number): void {
    this.#lastRequestMs = nowMs;
  }

  /** How long until it runs, 0 when it does, null when it does not start by itself. */
  readyInMs(nowMs: number): number | null {
    if (this.isServing(nowMs)) return 0;
    const phase = this.#phase;
    if (phase.kind !== "starting" || phase.fails) return null;
    return Math.max(0, this.#upAtMs(phase) - nowMs);
  }

  #upAtMs(phase: Extract<Phase, { kind: "starting" }>): number {
    return phase.sinceMs + phase.pendingMs + this.#times().initializingMs;
  }

  #isIdle(nowMs: number): boolean {
    const idleMs = this.#idleMs();
    if (idleMs === null) return false;
    const phase = this.#phase;
    const upAtMs =
      phase.kind === "starting" ? this.#upAtMs(phase) : phase.kind === "updating" ? phase.sinceMs : nowMs;
    return nowMs - Math.max(this.#lastRequestMs, upAtMs) >= idleMs;
  }
}
