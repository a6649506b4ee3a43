// The broker's settings of the work on history: reconciling, reading it back, compaction, leveling. Part of the table of broker settings.

import { dynamic, type Entry, int, long, mebibytes } from './config-entry.ts';

export const historyConfigs = {
  // history: reconciling, reading it back, compaction
  'cloudtopics.reconcile.enable': {
    type: 'boolean',
    defaultValue: 'true',
    doc: 'Whether L0 data is reconciled into L1 objects on its own; an operator may order it all the same.',
    dynamic: true,
  },
  'cloudtopics.reconcile.interval.min.ms': long(
    250,
    10,
    'The shortest time between two rounds of a topic; the interval adapts so that objects get their target size.',
    dynamic,
  ),
  'cloudtopics.reconcile.interval.max.ms': long(
    10_000,
    10,
    'The longest time between two rounds of a topic: about how long data stays in L0 only.',
    dynamic,
  ),
  'cloudtopics.reconcile.object.bytes': long(
    mebibytes(64),
    1_048_576,
    'The size of L1 objects that rounds aim at; one may be a quarter larger.',
    dynamic,
  ),
  'cloudtopics.reconcile.objects.parallel': int(3, 1, 64, 'L1 objects that are built and uploaded at a time.'),
  'cloudtopics.reconcile.skip.missing': {
    type: 'boolean',
    defaultValue: 'false',
    doc: 'Whether offsets whose L0 object is gone, or ends before them, are given up as empty, instead of holding up their partition. Loses what is gone anyway.',
    dynamic: true,
  },
  'cloudtopics.memory.reconcile.bytes': long(
    mebibytes(128),
    8_388_608,
    'Memory for L0 data that is read back to be reconciled; what the batch cache still has needs none.',
  ),
  'cloudtopics.upload.part.bytes': int(
    mebibytes(16),
    5_242_880,
    128 * 1024 * 1024,
    'The size of the parts that large objects are uploaded in; two of them are in memory for each object.',
  ),
  'cloudtopics.l1.index.bytes': int(
    mebibytes(1),
    65_536,
    64 * 1024 * 1024,
    'About how many bytes of an L1 object have one entry in its index and one checksum: what a reader reads at least.',
  ),
  'cloudtopics.memory.l1.bytes': long(
    mebibytes(128),
    8_388_608,
    'Memory for ranges of L1 objects on their way to consumers, read ahead included.',
  ),
  'cloudtopics.memory.l1.footers.bytes': long(
    mebibytes(32),
    1_048_576,
    'Memory for the footers of L1 objects, which hold their indexes.',
  ),
  'cloudtopics.l1.disk.cache.bytes': long(
    mebibytes(1024),
    0,
    'Disk space for ranges and footers of L1 objects in cache/ of the data directory, where the store is not a directory itself; 0 for none.',
  ),
  'cloudtopics.background.bytes.per.second': long(
    0,
    0,
    'The most that reconciling, compaction and leveling together read and write in a second; 0 for no limit.',
    dynamic,
  ),
  'cloudtopics.compaction.enable': {
    type: 'boolean',
    defaultValue: 'true',
    doc: 'Whether compacted topics are compacted on their own; an operator may order it all the same.',
    dynamic: true,
  },
  'cloudtopics.compaction.interval.ms': long(
    30_000,
    100,
    'How often partitions that are due for compaction are looked for.',
    dynamic,
  ),
  'cloudtopics.compaction.object.bytes': long(
    mebibytes(128),
    1_048_576,
    'The size at which compaction and leveling begin another L1 object.',
    dynamic,
  ),
  'cloudtopics.memory.compaction.keys.bytes': long(
    mebibytes(128),
    4_096,
    'Memory for the keys of one pass of a compaction, 24 bytes each; a partition with more keys takes several passes.',
  ),
  'cloudtopics.leveling.enable': {
    type: 'boolean',
    defaultValue: 'true',
    doc: 'Whether runs of small extents are merged on their own; an operator may order it all the same.',
    dynamic: true,
  },
  'cloudtopics.leveling.interval.ms': long(300_000, 100, 'How often runs of small extents are looked for.', dynamic),
  'cloudtopics.leveling.extent.bytes': long(
    mebibytes(40),
    1,
    'An extent below this is small: neighbours of its kind are merged.',
    dynamic,
  ),
  'cloudtopics.leveling.range.bytes': long(
    mebibytes(1024),
    1_048_576,
    'The most that one job of leveling rewrites.',
    dynamic,
  ),
} as const satisfies Record<string, Entry>;
