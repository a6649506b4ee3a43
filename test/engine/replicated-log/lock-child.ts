// Locks the directory named, says so, and stays until it is killed or its standard input ends.

import { systemClock } from '../../../src/engine/base/clock.ts';
import { hasCode } from '../../../src/engine/base/errors.ts';
import { lockDataDirectory } from '../../../src/engine/replicated-log/data-directory-lock.ts';

try {
  const lock = await lockDataDirectory(process.argv[2] as string, systemClock);
  process.stdout.write('locked\n');
  process.stdin.resume().on('end', () => {
    lock[Symbol.dispose]();
    process.stdout.write('released\n');
  });
} catch (error) {
  if (!hasCode(error, 'directory-locked')) throw error;
  process.stdout.write(`refused ${error.message}\n`);
}
