// Takes the cluster "default" in a directory store with a data directory, says how it went, and stays until it is killed.
// Arguments: store directory, data directory; "die-after-owner" dies between writing OWNER and recording that it did.

import { mkdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { hasCode } from '../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { takeOwnership } from '../../../src/engine/cluster/ownership.ts';
import { OwnershipLoop } from '../../../src/engine/cluster/ownership-loop.ts';
import { lockDataDirectory } from '../../../src/engine/replicated-log/data-directory-lock.ts';
import { openEmbeddedLog } from '../../../src/engine/replicated-log/embedded-log.ts';
import { openFileStore } from '../../../src/engine/store/file-store.ts';
import { nodeFileSystem } from '../../../src/engine/store/node-file-system.ts';

const [storeDirectory = '', dataDirectory = '', mode] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);
const clock = systemClock;
const random = systemRandom;

mkdirSync(dataDirectory, { recursive: true });
try {
  await lockDataDirectory(dataDirectory, clock);
  const store = await openFileStore({
    directory: storeDirectory,
    fileSystem: nodeFileSystem(clock),
    clock,
    random,
    logger: silentLogger,
  });
  const log = await openEmbeddedLog({
    directory: join(dataDirectory, 'log'),
    random,
    onFatal: (error) => {
      throw error;
    },
  });
  if (mode === 'die-after-owner') {
    const put = store.put.bind(store);
    store.put = async (key, body, options) => {
      const info = await put(key, body, options);
      if (key.endsWith('/OWNER')) process.kill(process.pid, 'SIGKILL');
      return info;
    };
  }
  const ownership = await takeOwnership({
    store,
    log,
    cluster: 'default',
    clock,
    random,
    logger: silentLogger,
    leaseMs: 150,
  });
  ownership.onLost((error) => {
    say(`lost ${error.code}`);
    process.exit(0);
  });
  new OwnershipLoop({ ownership, clock, logger: silentLogger });
  say(`owner ${ownership.clusterId} start ${ownership.startCounter}`);
  process.stdin.resume();
} catch (error) {
  if (!hasCode(error, 'owner-mismatch', 'directory-locked')) throw error;
  say(`refused ${error.code} ${error.context['case'] ?? ''}`);
  process.exit(0);
}
