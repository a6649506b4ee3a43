// Progress of a long run, on stderr: a live block or line on a terminal; elsewhere a plain line when a phase changes and
// every 30 seconds; newline-delimited JSON on request. Never on stdout. It shows itself only when a run takes a moment, and
// whatever happens to it does not happen to the run.

import { type Clock, systemClock, type Timer } from '../engine/base/clock.ts';
import { wantsColor } from './colors.ts';

export type ProgressChoice = 'auto' | 'lines' | 'json' | 'none';

export interface ProgressOptions {
  readonly choice: ProgressChoice;
  readonly quiet: boolean;
  /** As given with --color. */
  readonly color?: 'auto' | 'always' | 'never';
  /** The present state in a few words, and its figures for JSON. */
  readonly describe: () => { readonly text: string; readonly figures: Readonly<Record<string, number>> };
  /** Loads a richer picture for terminals that can show it; the function it gives puts it there. */
  readonly screen?: (stream: NodeJS.WriteStream, clock: Clock) => Promise<() => Progress>;
  readonly stream?: NodeJS.WriteStream;
  readonly clock?: Clock;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Progress extends Disposable {
  /** Whether a live picture has been on the terminal. */
  readonly shown: boolean;
  phase(name: string): void;
  /** Writes something else on stderr without tearing what is shown there. */
  aside(write: () => void): void;
}

export type ProgressForm = 'none' | 'screen' | 'spinner' | 'lines' | 'json';

/** Shorter runs show nothing on a terminal, and pay nothing for it. */
const liveAfterMs = 400;
const liveEveryMs = 130;
const lineEveryMs = 30_000;

/** What is shown where: a choice that was made counts; auto looks at the terminal. */
export function progressForm(
  { choice, quiet, color = 'auto' }: Pick<ProgressOptions, 'choice' | 'quiet' | 'color'>,
  stream: { readonly isTTY?: boolean | undefined },
  env: NodeJS.ProcessEnv,
): ProgressForm {
  if (quiet || choice === 'none') return 'none';
  if (choice === 'json' || choice === 'lines') return choice;
  if (stream.isTTY !== true || env['TERM'] === 'dumb') return 'lines';
  return wantsColor(color, stream, env) ? 'screen' : 'spinner';
}

export function startProgress(options: ProgressOptions): Progress {
  const { stream = process.stderr, clock = systemClock, env = process.env } = options;
  const form = progressForm(options, stream, env);
  if (form === 'none') return silent;
  if (form === 'lines' || form === 'json') return lineProgress(options, form, stream, clock);
  const { screen } = options;
  const load =
    form === 'screen' && screen !== undefined ? () => screen(stream, clock) : () => spinner(options, stream, clock);
  return shownLater(load, clock);
}

const silent: Progress = { shown: false, phase: () => {}, aside: (write) => write(), [Symbol.dispose]: () => {} };

/** Loading takes a moment too: what is over by then is never shown. */
function shownLater(load: () => Promise<() => Progress>, clock: Clock): Progress {
  let shown: Progress | undefined;
  let over = false;
  let phase = '';
  const show = async (): Promise<void> => {
    const open = await load();
    if (over) return;
    shown = open();
    shown.phase(phase);
  };
  const timer = clock.after(liveAfterMs, () => void show().catch(() => {}));
  return {
    get shown() {
      return shown !== undefined;
    },
    phase(name) {
      phase = name;
      shown?.phase(name);
    },
    aside(write) {
      if (shown === undefined) write();
      else shown.aside(write);
    },
    [Symbol.dispose]() {
      over = true;
      timer.cancel();
      shown?.[Symbol.dispose]();
    },
  };
}

async function spinner(
  { describe }: ProgressOptions,
  stream: NodeJS.WriteStream,
  clock: Clock,
): Promise<() => Progress> {
  const { default: ora } = await import('ora');
  return () => {
    // The spinner must leave stdin alone: `produce` may be reading it.
    const live = ora({ stream, discardStdin: false, hideCursor: false, color: false, text: '' }).start();
    let phase = '';
    const update = (): void => {
      live.text = `${phase} ${describe().text}`;
    };
    const stop = repeat(clock, liveEveryMs, update);
    return {
      shown: true,
      phase(name) {
        phase = name;
        update();
      },
      aside(write) {
        live.clear();
        write();
      },
      [Symbol.dispose]() {
        stop();
        live.stop();
      },
    };
  };
}

function lineProgress(
  { choice, describe }: ProgressOptions,
  form: 'lines' | 'json',
  stream: NodeJS.WriteStream,
  clock: Clock,
): Progress {
  let phase = '';
  let over = false;
  const print = (): void => {
    const { text, figures } = describe();
    const line =
      form === 'json' ? JSON.stringify({ schema: 'cloudtopics/progress/v1', phase, ...figures }) : `${phase}: ${text}`;
    stream.write(`${line}\n`);
  };
  const stop = repeat(clock, lineEveryMs, print);
  // Without anybody watching, a short run says nothing at its start and end.
  const asked = choice !== 'auto';
  return {
    shown: false,
    phase(name) {
      phase = name;
      if (asked) print();
    },
    aside: (write) => write(),
    [Symbol.dispose]() {
      if (over) return;
      over = true;
      stop();
      if (asked) print();
    },
  };
}

/** Runs again and again until the function that it gives is called. */
export function repeat(clock: Clock, everyMs: number, run: () => void): () => void {
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
