// The live block of a run that moves records: what and how long, figures, a bar towards the end where one is known, and a
// bar per partition. Depends on nothing but its properties. Dim is context; no other colour means anything here.

import { Box, Text } from 'ink';
import { createElement, type ReactElement } from 'react';
import { formatCount, formatSize } from '../duration-format.ts';
import { type BarMarks, formatBar, formatElapsed, formatShare } from './bar-format.ts';
import { type Goal, type PartitionSnapshot, paceOf, shareOf, type TransferState } from './transfer-state.ts';

export interface TransferViewProps {
  /** "consuming logs" */
  readonly title: string;
  readonly state: TransferState;
  readonly columns: number;
  readonly rows: number;
  readonly marks: BarMarks;
}

const barColumnsMax = 40;
const partitionRowsMax = 12;
/** Title, figures, bar, the line for what is not shown, and the line of the cursor. */
const otherRows = 5;

export function TransferView({ title, state, columns, rows, marks }: TransferViewProps): ReactElement {
  const { snapshot } = state;
  const pace = paceOf(state);
  const figures = [
    `${formatCount(snapshot.records)} records`,
    formatSize(snapshot.bytes),
    `${formatSize(Math.round(pace.bytesPerSecond))}/s`,
    `${formatCount(Math.round(pace.recordsPerSecond))} records/s`,
  ];
  const barColumns = Math.max(5, Math.min(barColumnsMax, columns - 30));
  const bar = (goal: Goal): string => `${formatBar(shareOf(goal), barColumns, marks)} ${formatShare(shareOf(goal))}`;
  const left = pace.remainingMs === undefined ? '' : `about ${formatElapsed(pace.remainingMs)} left`;
  return createElement(
    Box,
    { flexDirection: 'column' },
    line('title', title, formatElapsed(pace.elapsedMs)),
    line('figures', figures.join('  ')),
    snapshot.goal === undefined ? null : line('goal', bar(snapshot.goal), left),
    ...partitionLines(snapshot.partitions ?? [], rows - otherRows, bar),
  );
}

/** The unfinished first: they are what is waited for. A single partition is the whole, which has its bar already. */
function partitionLines(
  partitions: readonly PartitionSnapshot[],
  room: number,
  bar: (goal: Goal) => string,
): ReactElement[] {
  if (partitions.length < 2) return [];
  const count = Math.max(0, Math.min(partitionRowsMax, room));
  const unfinished = partitions.filter((each) => shareOf(each) < 1);
  const shown = [...unfinished, ...partitions.filter((each) => shareOf(each) === 1)]
    .slice(0, count)
    .sort((a, b) => a.partition - b.partition);
  const width = String(partitions.at(-1)?.partition ?? 0).length;
  const lines = shown.map((each) =>
    line(
      String(each.partition),
      `${String(each.partition).padStart(width)} ${bar(each)}`,
      `${formatCount(each.done)} of ${formatCount(each.total)}`,
    ),
  );
  if (shown.length < partitions.length) {
    const done = partitions.length - unfinished.length;
    lines.push(line('more', '', `${formatCount(done)} of ${formatCount(partitions.length)} partitions are done`));
  }
  return lines;
}

/** One row, cut off at the edge: a row that wraps would leave its rest behind when the block is drawn again. */
function line(key: string, text: string, context = ''): ReactElement {
  return createElement(
    Text,
    { key, wrap: 'truncate' },
    text,
    context === ''
      ? null
      : createElement(Text, { key: 'context', dimColor: true }, text === '' ? context : `  ${context}`),
  );
}
