// Memory, a real directory and a directory on the crash model keep the promises of the port.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openFileStore } from '../../../src/engine/store/file-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import { nodeFileSystem } from '../../../src/engine/store/node-file-system.ts';
import { UnflushedFileSystem } from '../../../src/engine/store/unflushed-file-system.ts';
import { describeObjectStore } from './object-store-conformance.ts';

const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
const nothing = async () => {};

describeObjectStore('memory', async () => ({ store: new MemoryStore(deps), close: nothing }));

describeObjectStore('file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'file-store-'));
  const store = await openFileStore({ ...deps, directory, fileSystem: nodeFileSystem(deps.clock) });
  return {
    store,
    close: async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
});

describeObjectStore('file on the crash model', async () => {
  const fileSystem = new UnflushedFileSystem(deps);
  return { store: await openFileStore({ ...deps, directory: '/bucket', fileSystem }), close: nothing };
});
