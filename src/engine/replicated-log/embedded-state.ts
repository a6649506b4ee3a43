// What the embedded log holds in memory: its header and the head of every group, so that an append needs no read.
// Loaded once when the log is opened; checks every record it reads.

import { EngineError } from '../base/errors.ts';
import { type Term, term } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import {
  corruptLog,
  decodeGroup,
  decodeHeader,
  decodeRemoval,
  decodeSnapshotChunk,
  decodeSnapshotHeader,
  encodeHeader,
  groupOfKey,
  headerKey,
  indexOfEntryKey,
  lastEntryRange,
  snapshotChunks,
  snapshotKey,
  typeRange,
} from './embedded-log-format.ts';
import type { GroupHead } from './group-rules.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { LogSnapshot } from './replicated-log.ts';

export interface EmbeddedGroup extends GroupHead {
  readonly name: string;
  /** Stands for the name in keys. */
  readonly number: number;
  /** Like `end`, without what is staged and not flushed yet; readers stop here. */
  durableEnd: number;
  /** How many chunk values the kept snapshot has, its header not counted. */
  snapshotChunks: number;
}

export interface PendingRemoval {
  readonly group: number;
  readonly first: number;
  readonly end: number;
}

export class EmbeddedState {
  readonly identity: string;
  nextGroup: number;
  highestRemovedTerm: number;
  readonly groups = new Map<string, EmbeddedGroup>();

  private constructor(identity: string, nextGroup: number, highestRemovedTerm: number) {
    this.identity = identity;
    this.nextGroup = nextGroup;
    this.highestRemovedTerm = highestRemovedTerm;
  }

  header(): Buffer {
    return encodeHeader({
      identity: this.identity,
      nextGroup: this.nextGroup,
      highestRemovedTerm: this.highestRemovedTerm,
    });
  }

  /** Reads the log, or begins a new one with a fresh identity. */
  static async load(environment: LmdbEnvironment, random: Random): Promise<EmbeddedState> {
    const stored = environment.get(headerKey);
    if (stored === undefined) return EmbeddedState.#create(environment, random);
    const header = decodeHeader(stored);
    const state = new EmbeddedState(header.identity, header.nextGroup, header.highestRemovedTerm);
    for (const { key, value } of environment.database.getRange(typeRange(0x02))) {
      const group = loadGroup(environment, groupOfKey(key), value);
      state.groups.set(group.name, group);
    }
    return state;
  }

  static async #create(environment: LmdbEnvironment, random: Random): Promise<EmbeddedState> {
    for (const _ of environment.database.getRange({ limit: 1 })) throw corruptLog('its header is missing', {});
    const state = new EmbeddedState(uuidv4(random), 1, 0);
    const header = state.header();
    await environment.commit(header.length, () => void environment.database.put(headerKey, header));
    return state;
  }
}

function loadGroup(environment: LmdbEnvironment, number: number, value: Buffer): EmbeddedGroup {
  const record = decodeGroup(number, value);
  let end = record.first - 1;
  for (const key of environment.database.getKeys({ ...lastEntryRange(number), reverse: true, limit: 1 })) {
    end = Math.max(end, indexOfEntryKey(key));
  }
  const stored = environment.get(snapshotKey(number, 0));
  const snapshot = stored === undefined ? undefined : decodeSnapshotHeader(record.name, number, stored);
  return {
    name: record.name,
    number,
    term: loadedTerm(record.name, record.term),
    first: record.first,
    end,
    durableEnd: end,
    snapshotIndex: snapshot?.index ?? -1,
    snapshotChunks: snapshot === undefined ? 0 : snapshotChunks(snapshot.length),
  };
}

function loadedTerm(group: string, value: number): Term {
  if (value === 0 || value > 0x7fff_ffff) throw corruptLog(`${group} has the term ${value}`, { group });
  return term(value);
}

export function loadSnapshot(environment: LmdbEnvironment, group: EmbeddedGroup): LogSnapshot | undefined {
  const stored = environment.get(snapshotKey(group.number, 0));
  if (stored === undefined) return undefined;
  const { index, length } = decodeSnapshotHeader(group.name, group.number, stored);
  const parts: Buffer[] = [];
  for (let chunk = 1; chunk <= snapshotChunks(length); chunk++) {
    const part = environment.get(snapshotKey(group.number, chunk));
    if (part === undefined) {
      throw corruptLog(`chunk ${chunk} of the snapshot of ${group.name} is missing`, { group: group.name, chunk });
    }
    parts.push(decodeSnapshotChunk(group.name, group.number, chunk, part));
  }
  const bytes = Buffer.concat(parts);
  if (bytes.length !== length) {
    throw corruptLog(`the snapshot of ${group.name} has ${bytes.length} of ${length} bytes`, { group: group.name });
  }
  return { index, bytes };
}

/** Removals that a crash interrupted. */
export function pendingRemovals(environment: LmdbEnvironment): PendingRemoval[] {
  const removals: PendingRemoval[] = [];
  for (const { key, value } of environment.database.getRange(typeRange(0x05))) {
    removals.push({ group: groupOfKey(key), ...decodeRemoval(groupOfKey(key), value) });
  }
  return removals;
}

/** Above this no term is given out: Kafka's leader epoch has 31 bits. */
export function checkTerm(group: string, value: number): Term {
  if (value <= 0x7fff_ffff) return term(value);
  throw new EngineError('bug', `the terms of ${group} are used up`, { context: { group, term: value } });
}
