// Work that waits for nothing would keep the event loop to itself: a round walks over hundreds of thousands of batches, and over
// thousands of partitions. It counts what it does and lets others have their turn now and then.

export class TurnTaking {
  readonly #pause: () => Promise<void>;
  readonly #stepsPerTurn: number;
  #steps = 0;

  constructor(pause: () => Promise<void>, stepsPerTurn: number) {
    this.#pause = pause;
    this.#stepsPerTurn = stepsPerTurn;
  }

  /** After each step, or one as long as several. Undefined where there is nothing to wait for, which most of the time there is not. */
  next(steps = 1): Promise<void> | undefined {
    this.#steps += steps;
    if (this.#steps < this.#stepsPerTurn) return undefined;
    this.#steps = 0;
    return this.#pause();
  }
}
