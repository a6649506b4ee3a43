// An engine in a process of its own, so that it can be killed. Its store fails as a seed says: below the retries as a real
// store does, and above them, so that whole uploads are given up and come late. The very first calls are always refused: nothing
// but the pause before the next try keeps the process alive then, which ended it once.
//
// It works on history in fractions of a second, and may be told to die in it: at the n-th time from SIGUSR2 on that a named step is
// come to, it kills itself.
// Arguments: data directory, store URL, port, seed (0: the store never fails), "parts" for objects of several parts or "small", and a
// step with its number of times.

import { systemClock } from '../../../src/engine/base/clock.ts';
import { type LogFields, type Logger, silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { startEngine } from '../../../src/engine/engine.ts';
import { type FaultPlan, randomFaults } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { decorate } from '../../../src/engine/store/store.ts';
import { busySettings, busyWithPartsSettings } from './busy-settings.ts';

const [dataDirectory = '', storeUrl = '', port = '', seed = '', size = '', deadlyStep = '', times = ''] =
  process.argv.slice(2);
const random = seededRandom(Number(seed));
const fails = Number(seed) !== 0;

let refusedAtFirst = 2;
const anyCall = randomFaults(random, {
  kinds: { unavailable: 0.05, 'timeout-before': 0.03, 'timeout-after': 0.05, 'timeout-late': 0.05 },
  latencyMsMax: 10,
});
const belowRetries: FaultPlan = {
  next: (operation, key) => (refusedAtFirst-- > 0 ? { kind: 'unavailable' } : anyCall.next(operation, key)),
};
const uploads = randomFaults(random, {
  kinds: { unavailable: 0.03, 'timeout-before': 0.02, 'timeout-after': 0.04, 'timeout-late': 0.04 },
  latencyMsMax: 40,
});
const aboveRetries: FaultPlan = {
  next: (operation, key) =>
    operation === 'put' && key.includes('/level_zero/') ? uploads.next(operation, key) : undefined,
};

let armed = false;
let timesLeft = Number(times);
process.on('SIGUSR2', () => {
  armed = true;
});
function step(name: string): void {
  if (!armed || name !== deadlyStep || --timesLeft > 0) return;
  process.kill(process.pid, 'SIGKILL');
}

function wrapStore(store: ObjectStore): ObjectStore {
  if (!fails) return store;
  const retrying = decorate(new FaultyStore(store, belowRetries, systemClock), {
    clock: systemClock,
    random,
    logger: silentLogger,
    options: { retry: { backoffMsMin: 2, backoffMsMax: 20 } },
  });
  return new FaultyStore(retrying, aboveRetries, systemClock);
}

/** What it complains of is part of a failed test's message. */
const complain = (fields: LogFields, message: string): void =>
  void process.stderr.write(`${new Date().toISOString()} ${message} ${JSON.stringify(fields)}\n`);
const logger: Logger = { ...silentLogger, warn: complain, error: complain };

const engine = await startEngine({
  dataDirectory,
  storeUrl,
  clusterName: 'default',
  listen: { host: '127.0.0.1', port: Number(port) },
  advertise: undefined,
  admin: undefined,
  logger,
  settings: size === 'parts' ? busyWithPartsSettings : busySettings,
  onFatal: (error) => {
    process.stderr.write(`fatal: ${error.message}\n`);
    process.exit(1);
  },
  overrides: { wrapStore, step },
});
process.once('SIGTERM', () => void engine.stop().then(() => process.exit(0)));
process.stdout.write('ready\n');
setInterval(() => {}, 60_000);
