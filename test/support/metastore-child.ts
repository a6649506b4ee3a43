// The metastore by itself in a process of its own, so that it can be killed: real log, real file store, real domains. It takes orders on
// stdin, a line of JSON each, works on all of them at once, and answers each with a line on stdout when it is done.
// Arguments: data directory, store URL.

import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/engine/base/clock.ts';
import { toEngineError } from '../../src/engine/base/errors.ts';
import { incarnation } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { type Random, seededRandom, systemRandom } from '../../src/engine/base/random.ts';
import { type LsmDomain, openLsmDomain } from '../../src/engine/domain/domain.ts';
import { BlockCache } from '../../src/engine/lsm/lsm.ts';
import { openMetastore } from '../../src/engine/metastore/metastore.ts';
import { openEmbeddedLog } from '../../src/engine/replicated-log/embedded-log.ts';
import { openStore } from '../../src/engine/store/store.ts';
import { busyRules, killedClusterId, metastoreDomainNames } from './killed-metastore.ts';
import type { MetastoreOrder, NumberedOrder, OrderAnswer } from './metastore-orders.ts';

const [dataDirectory = '', storeUrl = ''] = process.argv.slice(2);

const random = systemRandom;
const log = await openEmbeddedLog({
  directory: join(dataDirectory, 'log'),
  random,
  onFatal: (error) => {
    process.stderr.write(`fatal: ${error.message}\n`);
    process.exit(1);
  },
});
const store = await openStore(storeUrl, { clock: systemClock, random, logger: silentLogger });
const caches = { blocks: new BlockCache(4 * 1024 * 1024), disk: undefined };
const domains: LsmDomain[] = await Promise.all(
  metastoreDomainNames.map((name) =>
    openLsmDomain({
      name,
      log,
      store,
      clusterId: killedClusterId,
      incarnation: incarnation(1),
      caches,
      rules: busyRules,
      clock: systemClock,
      random,
      logger: silentLogger,
      flush: { everyMs: () => 40 },
      confirmOwnership: async () => {},
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    }),
  ),
);

/** Ids of objects are as the order says, so that whoever gave it knows them also where it is never answered. */
let ids: Random = random;
const ordered: Random = { fraction: () => ids.fraction(), bytes: (length) => ids.bytes(length) };
const metastore = openMetastore({ domains, clock: systemClock, random: ordered });

async function obey(order: MetastoreOrder): Promise<unknown> {
  switch (order.kind) {
    case 'preregister':
      // They are drawn before the call returns.
      ids = seededRandom(order.seed);
      return metastore.preregister(order.domain, order.count);
    case 'add':
      return metastore.addObjects(order.request);
    case 'replace':
      return metastore.replaceObjects(order.request);
    case 'compact':
      return metastore.compactObjects(order.request);
    case 'set-start':
      return metastore.setStartOffset(order.request);
    case 'remove-topics':
      return metastore.removeTopics(order.domain, order.request);
    case 'expire':
      return metastore.expirePreregistrations(order.domain, order.request);
    case 'remove-objects': {
      const found = await Promise.all(order.objectIds.map((id) => metastore.object(order.domain, id)));
      return metastore.removeObjects(order.domain, { flushedRows: found.filter((row) => row !== undefined) });
    }
    case 'rows': {
      const rows = await (domains[order.domain] as LsmDomain).scan({});
      return rows.map(({ key, value }) => [key, value.toString('hex')]);
    }
    case 'flush':
      await Promise.all(domains.map((domain) => domain.flush()));
      return null;
  }
}

const say = (answer: OrderAnswer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, order } = JSON.parse(line) as NumberedOrder;
  obey(order).then(
    (answer) => say({ id, answer: answer ?? null }),
    (error) => {
      const { code, message } = toEngineError(error);
      say({ id, code, message });
    },
  );
});
process.stdin.once('end', () => process.exit(0));
process.stdout.write('ready\n');
