import { describe, expect, it } from 'vitest';
import { type ProgressChoice, progressForm, startProgress } from '../../src/cli/progress.ts';
import { ReadingProgress } from '../../src/cli/reading-progress.ts';
import { startTransferProgress } from '../../src/cli/transfer-progress.ts';
import { VirtualClock } from '../../src/engine/base/virtual-clock.ts';
import { FakeTerminal } from './screens/fake-terminal.ts';

const tty = { isTTY: true };
const file = { isTTY: false };

describe('the form of progress', () => {
  it.each<[string, ProgressChoice, { isTTY: boolean }, Record<string, string>, string]>([
    ['a terminal', 'auto', tty, { TERM: 'xterm' }, 'screen'],
    ['no terminal', 'auto', file, { TERM: 'xterm' }, 'lines'],
    ['a dumb terminal', 'auto', tty, { TERM: 'dumb' }, 'lines'],
    ['NO_COLOR', 'auto', tty, { NO_COLOR: '1' }, 'spinner'],
    ['lines asked for', 'lines', tty, {}, 'lines'],
    ['JSON asked for', 'json', tty, {}, 'json'],
    ['none asked for', 'none', tty, {}, 'none'],
  ])('%s', (_case, choice, stream, env, form) => {
    expect(progressForm({ choice, quiet: false }, stream, env)).toBe(form);
    expect(progressForm({ choice, quiet: true }, stream, env)).toBe('none');
  });
  it('has no colours to show with --color=never', () => {
    expect(progressForm({ choice: 'auto', quiet: false, color: 'never' }, tty, {})).toBe('spinner');
  });
});

describe('progress', () => {
  const begin = (choice: ProgressChoice, isTTY: boolean) => {
    const clock = new VirtualClock();
    const terminal = new FakeTerminal();
    const stream = Object.assign(terminal.stream, { isTTY });
    let opened = 0;
    const screen = async () => () => {
      opened++;
      return startProgress({ choice: 'none', quiet: true, describe });
    };
    const describe = () => ({ text: 'half', figures: { records: 5 } });
    const progress = startProgress({ choice, quiet: false, describe, screen, stream, clock, env: { TERM: 'xterm' } });
    progress.phase('consumed');
    return { clock, terminal, progress, opened: () => opened };
  };

  it('says nothing off a terminal for half a minute, then a line every half a minute', async () => {
    const { clock, terminal, progress } = begin('auto', false);
    await clock.advance(29_000);
    expect(terminal.text).toBe('');
    await clock.advance(32_000);
    expect(terminal.text).toBe('consumed: half\nconsumed: half');
    progress[Symbol.dispose]();
    await clock.advance(60_000);
    expect(terminal.text).toBe('consumed: half\nconsumed: half');
  });

  it('says where it stands at the start and at the end when asked for lines or JSON', () => {
    const { terminal, progress } = begin('json', true);
    progress[Symbol.dispose]();
    progress[Symbol.dispose]();
    const line = '{"schema":"cloudtopics/progress/v1","phase":"consumed","records":5}';
    expect(terminal.text).toBe(`${line}\n${line}`);
  });

  it('opens its screen only when the run takes a moment', async () => {
    const short = begin('auto', true);
    await short.clock.advance(300);
    short.progress[Symbol.dispose]();
    await short.clock.advance(1_000);
    expect(short.opened()).toBe(0);
    const long = begin('auto', true);
    await long.clock.advance(500);
    expect(long.opened()).toBe(1);
    expect(long.progress.shown).toBe(true);
    long.progress[Symbol.dispose]();
  });

  it('goes on without a picture when the picture fails', async () => {
    const clock = new VirtualClock();
    const { stream } = new FakeTerminal();
    const describe = () => ({ text: '', figures: {} });
    const screen = () => Promise.reject(new Error('no yoga today'));
    using progress = startProgress({ choice: 'auto', quiet: false, describe, screen, stream, clock, env: {} });
    await clock.advance(1_000);
    expect(progress.shown).toBe(false);
  });

  it('of a transfer has rate, share and time left in its line and its JSON', async () => {
    const clock = new VirtualClock();
    const { stream, ...terminal } = seen();
    let records = 0;
    const observe = () => ({ records, bytes: records * 1024, goal: { done: records, total: 120 } });
    const common = { quiet: false, phase: 'consumed', title: 'consuming logs', observe, stream, clock, env: {} };
    using _lines = startTransferProgress({ ...common, choice: 'lines' });
    using _json = startTransferProgress({ ...common, choice: 'json' });
    records = 30;
    await clock.advance(30_000);
    expect(terminal.lines().slice(2)).toEqual([
      'consumed: 30 records, 30.0 KiB, 1.00 KiB/s, 25%, about 1:30 left',
      '{"schema":"cloudtopics/progress/v1","phase":"consumed","records":30,"bytes":30720,"elapsedMs":30000,"share":0.25,"remainingMs":90000}',
    ]);
  });
});

function seen() {
  const terminal = new FakeTerminal(200);
  return { stream: terminal.stream, lines: () => terminal.text.split('\n') };
}

describe('how far reading has come', () => {
  const ranges = [
    { partition: 1, start: 50, end: 150 },
    { partition: 0, start: 10, end: 10 },
  ];
  it('is known per partition once the ends are, whatever gaps lie on the way', () => {
    const reading = new ReadingProgress(undefined);
    expect(reading.snapshot(0, 0)).toEqual({ records: 0, bytes: 0 });
    reading.begin(ranges);
    reading.reach(1, 100);
    expect(reading.snapshot(3, 9)).toEqual({
      records: 3,
      bytes: 9,
      goal: { done: 50, total: 100 },
      partitions: [
        { partition: 0, done: 0, total: 0 },
        { partition: 1, done: 50, total: 100 },
      ],
    });
    reading.reach(1, 170);
    expect(reading.snapshot(3, 9).goal).toEqual({ done: 100, total: 100 });
  });
  it('goes by the count where that ends it first, and knows no end without either', () => {
    const counted = new ReadingProgress(40);
    counted.begin(ranges);
    expect(counted.snapshot(10, 1).goal).toEqual({ done: 10, total: 40 });
    counted.reach(1, 140);
    expect(counted.snapshot(10, 1).goal).toEqual({ done: 90, total: 100 });
    const endless = new ReadingProgress(undefined);
    endless.begin([{ partition: 0, start: 5, end: undefined }]);
    expect(endless.snapshot(1, 1)).toEqual({ records: 1, bytes: 1 });
  });
});
