// Writes a golden bucket into test/golden. Run by hand, when a version has begun to write something that no golden bucket holds:
//
//   node test/support/write-golden-bucket.ts bucket-v2
//
// One that exists is never written again: it is what an earlier version wrote, and its worth lies in that.

import { readFile, writeFile } from 'node:fs/promises';
import { VirtualClock } from '../../src/engine/base/virtual-clock.ts';
import { type GoldenBucketFile, goldenBucketSchema, goldenDirectory, shownRows } from './golden-bucket.ts';
import { tellGoldenStory } from './golden-bucket-story.ts';

const name = process.argv[2] ?? '';
if (!/^bucket-v\d+$/.test(name))
  throw new Error('which golden bucket? node test/support/write-golden-bucket.ts bucket-v2');
const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));

const { store, cluster, clusterId, topicId, records } = await tellGoldenStory();
const objects: Record<string, string> = {};
for await (const { key } of store.list({ prefix: '' })) objects[key] = (await store.get(key)).bytes.toString('base64');
const bucket: GoldenBucketFile = {
  schema: goldenBucketSchema,
  program: `cloudtopics ${version} on Node ${process.version}`,
  madeBy: `node test/support/write-golden-bucket.ts ${name}`,
  cluster,
  clusterId,
  topicId,
  records,
  objects,
};
const rows = await shownRows(store, cluster, new VirtualClock());
await writeFile(`${goldenDirectory}${name}.json`, `${JSON.stringify(bucket, null, 1)}\n`, { flag: 'wx' });
const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
await writeFile(`${goldenDirectory}${name}.rows.jsonl`, lines, { flag: 'wx' });
