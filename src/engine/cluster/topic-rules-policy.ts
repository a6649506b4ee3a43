// What a topic may be called and be made of. Pure; throws the EngineError that the client is answered with.

import { EngineError } from '../base/errors.ts';

const nameLengthMax = 249;
const legalName = /^[a-zA-Z0-9._-]+$/;

/** Kafka's rules. Names that differ only in "." and "_" may exist beside each other: no metric is named after a topic here. */
export function checkTopicName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new EngineError('invalid-topic-name', `Topic name ${quoted(name)} ${problem}`);
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'is not allowed';
  if (name.length > nameLengthMax) return `is longer than ${nameLengthMax} characters`;
  if (!legalName.test(name)) return 'has characters other than letters, digits, ".", "_" and "-"';
  return undefined;
}

const quoted = (name: string) => JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);

export function checkPartitionCount(count: number, countMax: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= countMax) return;
  throw new EngineError('invalid-partitions', `Number of partitions is ${count}, must be 1 to ${countMax}`);
}

/** Factors above 1 are accepted and reported as 1: durability is the store's. */
export function checkReplicationFactor(factor: number): void {
  if (factor === -1 || factor >= 1) return;
  throw new EngineError(
    'invalid-replication-factor',
    `Replication factor is ${factor}, must be at least 1, or −1 for the default`,
  );
}

export interface ReplicaAssignment {
  readonly partition: number;
  readonly brokers: readonly number[];
}

/** The assignments must name each of the partitions [first, first + length) once, each with brokers that exist. */
export function checkAssignments(assignments: readonly ReplicaAssignment[], first: number, knownBroker: number): void {
  const refuse = (problem: string) => new EngineError('invalid-replica-assignment', problem);
  const seen = new Set<number>();
  for (const { partition, brokers } of assignments) {
    if (seen.has(partition)) throw refuse(`Partition ${partition} is assigned twice`);
    seen.add(partition);
    if (partition < first || partition >= first + assignments.length) {
      throw refuse(
        `Assigned partitions must be ${first} to ${first + assignments.length - 1} without gaps, got ${partition}`,
      );
    }
    if (brokers.length === 0) throw refuse(`Partition ${partition} is assigned to no broker`);
    if (new Set(brokers).size < brokers.length) throw refuse(`Partition ${partition} is assigned to a broker twice`);
    const stranger = brokers.find((broker) => broker !== knownBroker);
    if (stranger !== undefined)
      throw refuse(`Partition ${partition} is assigned to broker ${stranger}, which does not exist`);
  }
}
