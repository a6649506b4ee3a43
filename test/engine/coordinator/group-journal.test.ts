import { expect, test } from 'vitest';
import { GroupJournal, journalWriteBytesMax } from '../../../src/engine/coordinator/group-journal.ts';
import { MapDomain } from './coordinator-stage.ts';

const unlimited = Number.POSITIVE_INFINITY;
const row = (key: string, value: string) => ({ key, value: Buffer.from(value) });

test('what gathers during a write goes into the next one; of two values of a key the later counts', async () => {
  const domain = new MapDomain('groups/0');
  const journal = new GroupJournal(domain);
  domain.hold();
  const first = journal.write([row('a', '1')], unlimited);
  await Promise.resolve().then(() => {});
  const others = [journal.write([row('a', '2')], unlimited), journal.write([row('a', '3'), row('b', '1')], unlimited)];
  await Promise.resolve().then(() => {});
  expect(domain.writes).toBe(1);
  domain.release();
  await Promise.all([first, ...others]);
  expect(domain.writes).toBe(2);
  expect([...domain.rows].map(([key, value]) => `${key}=${value}`)).toEqual(['a=3', 'b=1']);
});

test('a large call is split, a row that no write can hold is refused', async () => {
  const domain = new MapDomain('groups/0');
  const journal = new GroupJournal(domain);
  const rows = Array.from({ length: 20 }, (_, index) => row(`k${index}`, 'x'.repeat(100_000)));
  await journal.write(rows, unlimited);
  expect(domain.rows.size).toBe(20);
  expect(domain.writes).toBe(3);
  await expect(journal.write([row('k', 'x'.repeat(journalWriteBytesMax))], unlimited)).rejects.toMatchObject({
    code: 'entry-too-large',
  });
});

test('a failed write fails the calls in it, and nobody behind them', async () => {
  const domain = new MapDomain('groups/0');
  const journal = new GroupJournal(domain);
  domain.failNext();
  const first = journal.write([row('a', '1')], unlimited);
  const failed = expect(first).rejects.toMatchObject({ code: 'log-unavailable' });
  await Promise.resolve().then(() => {});
  const second = journal.write([row('b', '1')], unlimited);
  await failed;
  await second;
  expect([...domain.rows.keys()]).toEqual(['b']);
});

test('waiting rows are limited; one call alone may be larger', async () => {
  const domain = new MapDomain('groups/0');
  const journal = new GroupJournal(domain);
  const first = journal.write([row('a', 'x'.repeat(500))], 100);
  await expect(journal.write([row('b', '1')], 100)).rejects.toMatchObject({ code: 'coordinator-not-available' });
  await first;
  await journal.write([row('b', '1')], 100);
  expect(domain.rows.size).toBe(2);
});

test('settled waits for everything that was queued, failed or not', async () => {
  const domain = new MapDomain('groups/0');
  const journal = new GroupJournal(domain);
  domain.hold();
  domain.failNext();
  let done = 0;
  const count = () => done++;
  journal.write([row('a', '1')], unlimited).then(count, count);
  const settled = journal.settled();
  domain.release();
  await settled;
  expect(done).toBe(1);
});
