// Progress of a long run, on stderr: one live line on a terminal; elsewhere a plain line when a phase changes and every
// 30 seconds; newline-delimited JSON on request. Never on stdout.

import { type Clock, systemClock, type Timer } from '../engine/base/clock.ts';

export type ProgressChoice = 'auto' | 'lines' | 'json' | 'none';

export interface ProgressOptions {
  readonly choice: ProgressChoice;
  readonly quiet: boolean;
  /** The present state in a few words, and its figures for JSON. */
  readonly describe: () => { readonly text: string; readonly figures: Readonly<Record<string, number>> };
  readonly stream?: NodeJS.WriteStream;
  readonly clock?: Clock;
}

const liveEveryMs = 100;
const lineEveryMs = 30_000;

export interface Progress extends Disposable {
  phase(name: string): void;
}

const silent: Progress = { phase: () => {}, [Symbol.dispose]: () => {} };

export async function startProgress(options: ProgressOptions): Promise<Progress> {
  const stream = options.stream ?? process.stderr;
  if (options.quiet || options.choice === 'none') return silent;
  const live = options.choice === 'auto' && stream.isTTY === true && process.env['TERM'] !== 'dumb';
  return live ? liveProgress(options, stream) : lineProgress(options, stream);
}

async function liveProgress(
  { describe, clock = systemClock }: ProgressOptions,
  stream: NodeJS.WriteStream,
): Promise<Progress> {
  const { default: ora } = await import('ora');
  // The spinner must leave stdin alone: `produce` may be reading it.
  const spinner = ora({ stream, discardStdin: false, hideCursor: false, text: '' }).start();
  let phase = '';
  const update = (): void => {
    spinner.text = `${phase} ${describe().text}`;
  };
  const stop = repeat(clock, liveEveryMs, update);
  return {
    phase(name) {
      phase = name;
      update();
    },
    [Symbol.dispose]() {
      stop();
      spinner.stop();
    },
  };
}

function lineProgress(
  { choice, describe, clock = systemClock }: ProgressOptions,
  stream: NodeJS.WriteStream,
): Progress {
  let phase = '';
  const print = (): void => {
    const { text, figures } = describe();
    const line =
      choice === 'json'
        ? JSON.stringify({ schema: 'cloudtopics/progress/v1', phase, ...figures })
        : `${phase}: ${text}`;
    stream.write(`${line}\n`);
  };
  const stop = repeat(clock, lineEveryMs, print);
  return {
    phase(name) {
      phase = name;
      // Without anybody watching, a short run says nothing at its start.
      if (choice !== 'auto') print();
    },
    [Symbol.dispose]: stop,
  };
}

function repeat(clock: Clock, everyMs: number, run: () => void): () => void {
  let timer: Timer;
  const again = (): void => {
    timer = clock.after(everyMs, () => {
      run();
      again();
    });
  };
  again();
  return () => timer.cancel();
}
