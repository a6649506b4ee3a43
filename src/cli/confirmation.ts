// Asks before something is deleted. The default is no; where nobody can be asked it fails with `unconfirmed` and never hangs.

import type { Readable, Writable } from 'node:stream';
import { EngineError } from '../engine/base/errors.ts';

export interface ConfirmOptions {
  /** What would happen, with counts: "delete 2 topics with 1,234 records". */
  readonly action: string;
  /** --yes was given. */
  readonly yes: boolean;
  readonly input?: Readable & { isTTY?: boolean };
  readonly prompt?: Writable & { isTTY?: boolean };
  readonly signal?: AbortSignal;
}

/** Resolves when confirmed; throws `unconfirmed` otherwise. */
export async function confirm(options: ConfirmOptions): Promise<void> {
  if (options.yes) return;
  const input = options.input ?? process.stdin;
  const prompt = options.prompt ?? process.stderr;
  if (input.isTTY !== true || prompt.isTTY !== true) {
    throw new EngineError(
      'unconfirmed',
      `will not ${options.action} without a confirmation, and nobody can be asked here`,
    );
  }
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input, output: prompt });
  try {
    const answer = await lines.question(
      `${options.action}? [y/N] `,
      options.signal === undefined ? {} : { signal: options.signal },
    );
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new EngineError('unconfirmed', `did not ${options.action}: not confirmed`);
  } finally {
    lines.close();
  }
}
