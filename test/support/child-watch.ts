// Waits until a child process has got somewhere. The condition is looked at whenever the child has told something.

import type { ChildProcess } from 'node:child_process';

export class ChildWatch {
  readonly #child: ChildProcess;
  readonly #looks = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** To be called when the child has told something. */
  look(): void {
    for (const look of this.#looks) look();
  }

  /** Rejects with what `told` answers when the time is over or the child has ended. */
  async until(condition: () => boolean, timeoutMs: number, told: () => string): Promise<void> {
    const done = Promise.withResolvers<void>();
    const look = () => {
      if (condition()) done.resolve();
    };
    const fail = (why: string) => () => done.reject(new Error(`${why}: ${told()}`));
    const ended = fail('the child ended');
    const timer = setTimeout(fail('the child did not get there'), timeoutMs);
    this.#child.once('close', ended);
    this.#looks.add(look);
    look();
    try {
      await done.promise;
    } finally {
      clearTimeout(timer);
      this.#child.off('close', ended);
      this.#looks.delete(look);
    }
  }
}
