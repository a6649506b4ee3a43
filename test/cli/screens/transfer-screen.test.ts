// The live block as somebody in front of the terminal sees it.

import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import { blockMarks, plainMarks } from '../../../src/cli/screens/bar-format.ts';
import { openTransferScreen } from '../../../src/cli/screens/transfer-screen.ts';
import { type TransferSnapshot, transferBegun, transferMoved } from '../../../src/cli/screens/transfer-state.ts';
import { TransferView } from '../../../src/cli/screens/transfer-view.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { FakeTerminal } from './fake-terminal.ts';

function drawn(snapshot: TransferSnapshot, { columns = 80, rows = 24, marks = blockMarks } = {}): string[] {
  const state = transferMoved(transferBegun(0), snapshot, 10_000);
  const view = createElement(TransferView, { title: 'consuming logs', state, columns, rows, marks });
  return stripVTControlCharacters(renderToString(view, { columns })).split('\n');
}

const partitions = (count: number, done: (partition: number) => number) =>
  Array.from({ length: count }, (_, partition) => ({ partition, done: done(partition), total: 100 }));

describe('the picture of a transfer', () => {
  it('shows figures and rates where no end is known', () => {
    expect(drawn({ records: 1_234_560, bytes: 15 * 1024 ** 2 })).toEqual([
      'consuming logs  0:10',
      '1,234,560 records  15.0 MiB  1.50 MiB/s  123,456 records/s',
    ]);
  });

  it('shows how far each partition is towards its end, and how long it will take', () => {
    const snapshot = {
      records: 150,
      bytes: 1_500,
      goal: { done: 150, total: 200 },
      partitions: partitions(2, (partition) => (partition === 0 ? 100 : 50)),
    };
    expect(drawn(snapshot, { columns: 40, marks: plainMarks })).toEqual([
      'consuming logs  0:10',
      '150 records  1.46 KiB  150 B/s  15 reco…',
      '#######---  75%  about 0:03 left',
      '0 ########## 100%  100 of 100',
      '1 #####-----  50%  50 of 100',
    ]);
  });

  it('keeps to the height of the terminal: the partitions that are waited for come first', () => {
    const snapshot = { records: 1, bytes: 1, partitions: partitions(64, (partition) => (partition < 60 ? 100 : 7)) };
    const lines = drawn(snapshot, { rows: 8 });
    expect(lines.slice(2).map((line) => line.trim().split(' ')[0])).toEqual(['60', '61', '62', '60']);
    expect(drawn(snapshot, { rows: 3 }).slice(2)).toEqual(['60 of 64 partitions are done']);
    expect(drawn(snapshot, { rows: 200 })).toHaveLength(2 + 12 + 1);
  });
});

describe('the live block on a terminal', () => {
  function open(terminal = new FakeTerminal()) {
    const clock = new VirtualClock();
    let records = 0;
    let looks = 0;
    const screen = openTransferScreen({
      title: 'consuming logs',
      begun: transferBegun(clock.monotonicMs()),
      observe() {
        looks++;
        const goal = { done: records, total: 1_000 };
        return { records, bytes: records, goal, partitions: partitions(3, () => 10) };
      },
      stream: terminal.stream,
      clock,
    });
    const move = (count: number): void => {
      records += count;
    };
    return { terminal, clock, screen, move, looks: () => looks };
  }

  it('leaves nothing behind, not even a hidden cursor, and what stood there before stays', () => {
    const terminal = new FakeTerminal();
    terminal.stream.write('$ cloudtopics topics consume logs\n');
    const { screen } = open(terminal);
    expect(terminal.text).toContain('consuming logs');
    expect(terminal.cursorVisible).toBe(false);
    screen[Symbol.dispose]();
    expect(terminal.text).toBe('$ cloudtopics topics consume logs');
    expect(terminal.cursorVisible).toBe(true);
    terminal.stream.write('next');
    expect(terminal.text).toBe('$ cloudtopics topics consume logs\nnext');
    screen[Symbol.dispose]();
    expect(terminal.text).toContain('next');
  });

  it('lets a warning through above itself, whole', () => {
    const { terminal, screen } = open();
    screen.aside(() => terminal.stream.write('warning: something\n'));
    expect(terminal.text).toBe('warning: something');
    screen[Symbol.dispose]();
    expect(terminal.text).toBe('warning: something');
  });

  it('is drawn by the clock, a few times a second, never by the records', async () => {
    const { terminal, clock, screen, move, looks } = open();
    for (let count = 0; count < 10_000; count++) move(1);
    expect([looks(), terminal.frames]).toEqual([1, 1]);
    await clock.advance(1_000);
    expect(looks()).toBeGreaterThan(4);
    expect(looks()).toBeLessThanOrEqual(8);
    expect(terminal.frames).toBeLessThanOrEqual(8);
    screen[Symbol.dispose]();
    await clock.advance(10_000);
    expect(looks()).toBeLessThanOrEqual(8);
  });
});
