// One job at a time, in the order of asking: compaction and leveling share the memory for keys, the network, and the metastore's
// attention, and must never work on the same partition at the same time.

import { EngineError } from '../base/errors.ts';

export class JobLine implements AsyncDisposable {
  readonly #stop = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  /** Runs when all that asked before are done. Aborted by either signal: `cancelled` when it has not begun. */
  run<Result>(signal: AbortSignal, job: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const mine = this.#last.then(() => {
      if (either.aborted) throw new EngineError('cancelled', 'the job was called off before it began');
      return job(either);
    });
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** The job that runs is called off, and waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#last;
  }
}
