// A process of its own that works on a directory store, for tests with several processes and with SIGKILL.
// argv: directory, task, number. Prints lines the test reads.

import { systemClock } from '../../../src/engine/base/clock.ts';
import { hasCode } from '../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openFileStore } from '../../../src/engine/store/file-store.ts';
import { nodeFileSystem } from '../../../src/engine/store/node-file-system.ts';

const [directory = '', task = '', number = '0'] = process.argv.slice(2);
// The clock's timers do not keep a process alive that waits for nothing else.
const alive = setInterval(() => {}, 1000);
const store = await openFileStore({
  directory,
  fileSystem: nodeFileSystem(systemClock),
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
});
const say = (line: string) => process.stdout.write(`${line}\n`);

async function attempt(put: () => Promise<unknown>): Promise<boolean> {
  try {
    await put();
    return true;
  } catch (error) {
    if (hasCode(error, 'precondition-failed')) return false;
    throw error;
  }
}

/** Content that proves its own wholeness: one number, over and over. */
function content(value: number, length: number): Buffer[] {
  return [Buffer.alloc(length >> 1, value % 251), Buffer.alloc(length - (length >> 1), value % 251)];
}

switch (task) {
  case 'create': {
    for (let round = 0; round < 50; round++) {
      const key = `race/${round}`;
      if (await attempt(() => store.put(key, [Buffer.from(number)], { createOnly: true }))) say(`won ${key}`);
    }
    break;
  }
  case 'increment': {
    for (let done = 0; done < 25; ) {
      const { info, bytes } = await store.get('counter');
      const next = [Buffer.from(String(Number(bytes.toString()) + 1))];
      if (await attempt(() => store.put('counter', next, { ifMatch: info.etag }))) done++;
    }
    break;
  }
  case 'churn': {
    // Writes for ever, in every way there is; says what has resolved. The test kills it.
    for (let round = 0; ; round++) {
      const value = Number(number) * 1000 + round;
      await store.put(`fresh/${number}/${round}`, content(value, 300_000));
      say(`fresh/${number}/${round} ${value}`);
      await store.put('replaced', content(value, 100_000));
      const before = await store.head('matched');
      if (before === undefined) await attempt(() => store.put('matched', content(value, 50_000), { createOnly: true }));
      else await attempt(() => store.put('matched', content(value, 50_000), { ifMatch: before.etag }));
      await store.put(`gone/${number}/${round}`, content(value, 10));
      await store.deleteMany([`gone/${number}/${round}`]);
    }
  }
}
await store[Symbol.asyncDispose]();
clearInterval(alive);
