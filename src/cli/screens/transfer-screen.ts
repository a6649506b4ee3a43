// Puts the live block on a terminal and takes it away again, whatever ends the run: afterwards the screen is as if it had
// never been there and the cursor is back. It reads no keys, leaves stdin alone and draws four times a second.
// Ink costs a fifth of a second to load, so this file is only ever imported when there is something to draw.

import { PassThrough } from 'node:stream';
import chalk from 'chalk';
import { render } from 'ink';
import { createElement, type ReactElement } from 'react';
import type { Clock } from '../../engine/base/clock.ts';
import { type Progress, repeat } from '../progress.ts';
import { marksFor } from './bar-format.ts';
import { type TransferSnapshot, type TransferState, transferMoved } from './transfer-state.ts';
import { TransferView } from './transfer-view.ts';

export interface TransferScreenOptions {
  readonly title: string;
  readonly begun: TransferState;
  readonly observe: () => TransferSnapshot;
  readonly stream: NodeJS.WriteStream;
  readonly clock: Clock;
}

/** A picture of six partitions costs 6 to 11 ms of the same thread that moves the records. */
const drawEveryMs = 250;
/** The timer above sets the pace; Ink's own would leave frames behind to be drawn when the block is taken away. */
const inkFramesPerSecondMax = 1_000;

export function openTransferScreen({ title, begun, observe, stream, clock }: TransferScreenOptions): Progress {
  let state = begun;
  // Ink colours by what stdout is; the block is on another stream, and is only shown where colour is wanted.
  chalk.level = 1;
  const marks = marksFor(process.env);
  const picture = (): ReactElement => {
    state = transferMoved(state, observe(), clock.monotonicMs());
    return createElement(TransferView, { title, state, columns: stream.columns ?? 80, rows: stream.rows ?? 24, marks });
  };
  const screen = render(picture(), {
    stdout: stream,
    stderr: stream,
    // Records may come from stdin, so Ink gets one that never says anything.
    stdin: new PassThrough(),
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: inkFramesPerSecondMax,
  });
  const stop = repeat(clock, drawEveryMs, () => screen.rerender(picture()));
  let open = true;
  return {
    shown: true,
    phase() {},
    aside(write) {
      if (open) screen.clear();
      // The block comes back with the next tick.
      write();
    },
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      stop();
      screen.clear();
      screen.unmount();
    },
  };
}
