// The engine in a process of its own, with a store whose calls are counted by kind of object and whose GETs can be made late.
// The figures of the product are those of this process: nothing else runs in it but the counting.
// Argument: EngineChildOptions as JSON.

import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../../src/engine/base/clock.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { FaultPlan } from '../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../src/engine/store/faulty-store.ts';
import type { EngineChildOptions, EngineFacts } from './engine-options.ts';

const options = JSON.parse(process.argv[2] as string) as EngineChildOptions;
const { getLatencyMs } = options;

const calls = new Map<string, number>();
const late = getLatencyMs > 0 ? { latencyMs: getLatencyMs } : undefined;
const plan: FaultPlan = {
  next(operation, key) {
    const name = `${kindOf(key)} ${operation}`;
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return operation === 'get' ? late : undefined;
  },
};

function kindOf(key: string): string {
  for (const kind of ['level_zero', 'level_one', 'domain']) if (key.includes(`/${kind}/`)) return kind;
  return 'other';
}

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

const engine = await startEngine({
  dataDirectory: options.dataDirectory,
  storeUrl: options.storeUrl,
  clusterName: 'default',
  listen: { host: '127.0.0.1', port: options.port },
  advertise: undefined,
  admin: { host: '127.0.0.1', port: options.adminPort },
  logger: silentLogger,
  settings: options.settings,
  onFatal: (error) => {
    process.stderr.write(`fatal: ${error.message}\n`);
    process.exit(1);
  },
  overrides: { wrapStore: (store) => new FaultyStore(store, plan, systemClock) },
});
process.once('SIGTERM', () => void engine.stop().then(() => process.exit(0)));

const facts = createServer((_request, response) => {
  response.end(JSON.stringify(factsNow()));
  delay.reset();
});
facts.listen(options.factsPort, '127.0.0.1', () => process.stdout.write('ready\n'));

function factsNow(): EngineFacts {
  // A timer of 5 ms that is late by nothing counts as 5 ms.
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - 5);
  const { heapUsed, external } = process.memoryUsage();
  return {
    calls: Object.fromEntries(calls),
    loopDelayMs: {
      p50: ms(delay.percentile(50)),
      p95: ms(delay.percentile(95)),
      p99: ms(delay.percentile(99)),
      max: ms(delay.max),
    },
    heapBytes: heapUsed,
    bufferBytes: external,
  };
}
