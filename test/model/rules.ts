// The rules of DESIGN §4, §9 and §10 that the model keeps, each a switch. All on: no run may break a promise. Any one off: some
// run does. The sentence beside a rule is what it says; `protocol.test.ts` tells what happens without it.

export const ruleSentences = {
  // leaders and their log
  higherTermOnOpen: 'every opening, a plain restart included, takes a durably higher term',
  compareTerm: 'a commit compares the term',
  compareLogEnd: 'a commit compares the log end',
  failEverythingBehind: 'with a batch fails everything staged behind it',
  fallBackToJustBeforeFailed: 'the staged state falls back to just before the failed batch, no further',
  raiseAttempt: 'the attempt goes up when staged offsets are thrown away',
  duplicateWaitsForStaged: 'a duplicate of a staged batch is answered with the outcome of that batch',
  unknownProducerBeginsAtZero: 'a producer that is not known begins at sequence 0',
  giveUpTermOnUnknown: 'an unknown commit makes the leader give up its term and reload',
  unknownTryMakesUnknown: 'when any try of a commit is unknown, the commit is unknown',
  // what outlives the log's prefix
  snapshotKeepsLastStamp: 'a log snapshot keeps the last stamp',
  snapshotKeepsProducers: 'a log snapshot keeps the producers',
  rowKeepsStamp: 'the metastore row keeps the stamp of the batch below its next offset',
  rowKeepsProducers: 'the metastore row keeps the producers as of its next offset',
  trimBelowFlushed: 'a log is trimmed only below the flushed next offset',
  // salvage
  followLinks: 'a batch joins the chain only when its link is the stamp of the last one',
  highestStampWins: 'among several, the highest stamp joins the chain',
  // collection
  collectBelowFlushed: 'M covers only placeholders below the flushed next offset',
  publishBeforeDelete: 'M is published, flushed, before anything at or below it is deleted',
  salvageIgnoresCollected: 'salvage ignores L0 at or below the published M',
  // ownership, restore, views
  confirmOwnershipAfterPut: 'ownership is confirmed after a PUT and before its commit',
  confirmationCountsFromStart: 'a confirmation counts from the start of its request',
  restoreWaitsForLease: 'a restore raises the incarnation, waits for the lease, and only then reads',
  restoreRecordNamesChain: 'later salvages ignore objects of older incarnations that the restore record does not name',
  restoreRecordCreateOnly: 'a restore record is written create-only; a resumed restore uses the one that exists',
  restoredTermsExceedSeen: 'the terms of a restored cluster exceed every term seen',
  viewBelowCommittedEnd: 'a view of a live source serves only below the highest committed end seen in footers',
} as const;

export type RuleName = keyof typeof ruleSentences;
export type Rules = Readonly<Record<RuleName, boolean>>;

export const ruleNames = Object.keys(ruleSentences) as RuleName[];

export const allRules = Object.fromEntries(ruleNames.map((name) => [name, true])) as Rules;

export function allRulesBut(name: RuleName): Rules {
  return { ...allRules, [name]: false };
}
