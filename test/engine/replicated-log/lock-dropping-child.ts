// Locks the directory named, forgets the lock, and collects garbage: the lock must last as long as the process.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { lockDataDirectory } from '../../../src/engine/replicated-log/data-directory-lock.ts';

await lockDataDirectory(process.argv[2] as string, systemClock);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
for (let round = 0; round < 3; round++) {
  collect();
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write('locked\n');
process.stdin.resume();
