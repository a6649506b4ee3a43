// What happens without each rule: a seed whose history breaks a promise, which promise, and the story that such histories tell.
// When the model changes, the seeds change with it: the test prints the seed to write here.

import type { RuleName } from './rules.ts';

interface BrokenRule {
  readonly seed: number;
  /** Part of the violation's message. */
  readonly breaks: RegExp;
  readonly story: string;
}

const lost = /was acknowledged at offset \d+ and is not salvaged there/;
const unseen = /a reader saw/;
const doubled = /producer \d+ has sequence/;
const torn = /the log has/;

export const brokenRules: Readonly<Record<RuleName, BrokenRule>> = {
  higherTermOnOpen: {
    seed: 14,
    breaks: lost,
    story:
      'after a restart the same term gives the same stamp to another batch at the same offset; the dead one is salvaged',
  },
  compareTerm: {
    seed: 16,
    breaks: lost,
    story: 'a deposed leader commits and acknowledges; the new leader has uploaded a higher stamp at the same offset',
  },
  compareLogEnd: {
    seed: 26,
    breaks: torn,
    story: 'the first try of a commit landed without an answer, the second one puts the same placeholders behind it',
  },
  failEverythingBehind: {
    seed: 20,
    breaks: lost,
    story: 'the batch behind a failed one is committed at its old offset and leaves a hole that no chain crosses',
  },
  fallBackToJustBeforeFailed: {
    seed: 38,
    breaks: lost,
    story: 'the leader falls back to the committed end and gives the offsets of batches that go on a second time',
  },
  raiseAttempt: {
    seed: 31,
    breaks: lost,
    story: 'an upload that failed arrives late with the stamp and the offset of the batch that took its place',
  },
  duplicateWaitsForStaged: {
    seed: 1,
    breaks: lost,
    story: 'a duplicate is acknowledged at the offset of a staged batch, which then fails',
  },
  unknownProducerBeginsAtZero: {
    seed: 2,
    breaks: doubled,
    story: 'a first batch fails, the second one arrives and is taken as the first: the order is lost',
  },
  giveUpTermOnUnknown: {
    seed: 36,
    breaks: lost,
    story: 'the leader takes an unknown commit for failed; it was in the log, and a higher attempt lies at its offset',
  },
  unknownTryMakesUnknown: {
    seed: 849,
    breaks: torn,
    story: 'a second try is refused and taken for the outcome; then the first one lands',
  },
  snapshotKeepsLastStamp: {
    seed: 14,
    breaks: lost,
    story: 'after a trim and a restart the first batch links to nothing, and the chain ends before it',
  },
  snapshotKeepsProducers: {
    seed: 444,
    breaks: doubled,
    story: 'after a trim and a restart an old copy of a committed batch is taken as new',
  },
  rowKeepsStamp: {
    seed: 11,
    breaks: lost,
    story: 'salvage starts above the row with no stamp to link to and finds nothing',
  },
  rowKeepsProducers: {
    seed: 146,
    breaks: doubled,
    story: 'a restored cluster does not know what lies below the row, and takes a duplicate of it',
  },
  trimBelowFlushed: {
    seed: 69,
    breaks: lost,
    story: 'what was trimmed is known to an unflushed metastore only, and the bucket forgets how to reach it',
  },
  followLinks: {
    seed: 8,
    breaks: doubled,
    story: 'a batch of a deposed leader lies where the chain ends, and the same batch, sent again, lies below it',
  },
  highestStampWins: {
    seed: 11,
    breaks: lost,
    story: 'two batches follow the same one; the lower stamp, never committed, is taken',
  },
  collectBelowFlushed: {
    seed: 69,
    breaks: lost,
    story: 'an object is deleted because an unflushed metastore covers it',
  },
  publishBeforeDelete: {
    seed: 2,
    breaks: lost,
    story: 'a restore takes up a stale object whose deletion was asked for and happens afterwards',
  },
  salvageIgnoresCollected: {
    seed: 2,
    breaks: lost,
    story: 'a retried PUT brings a collected object back, salvage takes it up, and the collector deletes it again',
  },
  confirmOwnershipAfterPut: {
    seed: 59,
    breaks: lost,
    story: 'ownership is confirmed, the restore reads, the PUT arrives, and the old owner acknowledges',
  },
  confirmationCountsFromStart: {
    seed: 2933,
    breaks: lost,
    story: 'the answer about the owner was under way while a restore took over, and counts as fresh',
  },
  restoreWaitsForLease: {
    seed: 6,
    breaks: lost,
    story: 'the restore reads while the old owner’s last confirmation is still good',
  },
  restoreRecordNamesChain: {
    seed: 21,
    breaks: lost,
    story:
      'an upload of the old incarnation arrives after the restore with a higher stamp than the batch that was chosen',
  },
  restoreRecordCreateOnly: {
    seed: 1274,
    breaks: unseen,
    story: 'a second run of the same restore reads later, chooses another chain, and writes over the record in use',
  },
  restoredTermsExceedSeen: {
    seed: 1,
    breaks: /the leader epoch goes back/,
    story: 'the restored cluster begins at term 1, and consumers see the leader epoch fall',
  },
  viewBelowCommittedEnd: {
    seed: 5,
    breaks: unseen,
    story: 'a view serves a batch that is uploaded and not committed, and another one takes its offset',
  },
};
