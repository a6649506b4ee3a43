// SIGINT and SIGTERM as an AbortSignal. The first asks the command to stop at a good place; the second ends it at once.

import { EngineError } from '../engine/base/errors.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM';
const statusOf: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

export class Interruption implements Disposable {
  readonly #abort = new AbortController();
  #received: StopSignal | undefined;
  readonly #listener: (signal: StopSignal) => void;

  constructor(onRepeated: (status: number) => void = (status) => process.exit(status)) {
    this.#listener = (signal) => {
      if (this.#received !== undefined) return onRepeated(statusOf[signal]);
      this.#received = signal;
      this.#abort.abort(new EngineError('cancelled', `stopped by ${signal}`));
    };
    process.on('SIGINT', this.#listener);
    process.on('SIGTERM', this.#listener);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get received(): StopSignal | undefined {
    return this.#received;
  }

  /** 130 or 143 once interrupted. */
  get exitStatus(): number | undefined {
    return this.#received === undefined ? undefined : statusOf[this.#received];
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#listener);
    process.off('SIGTERM', this.#listener);
  }
}
