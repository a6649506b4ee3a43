// The byte accounts of the objects that one update touches. An object's row says how many bytes were ever offered for it and how many
// of them are out of use; extents are never counted.

import { EngineError } from '../base/errors.ts';
import type { TimestampMs } from '../base/ids.ts';
import type { Extent } from './extent-row-format.ts';
import { type ObjectId, objectKey } from './metastore-key-format.ts';
import type { NewObject } from './metastore-requests.ts';
import { encodeObjectRow, type ObjectRow } from './object-row-format.ts';
import type { RowDraft } from './row-draft.ts';
import { readObject } from './row-reads.ts';

type Account = { -readonly [Field in keyof ObjectRow]: ObjectRow[Field] };

export class ObjectLedger {
  readonly #draft: RowDraft;
  readonly #nowMs: TimestampMs;
  readonly #accounts = new Map<ObjectId, Account>();

  constructor(draft: RowDraft, nowMs: TimestampMs) {
    this.#draft = draft;
    this.#nowMs = nowMs;
  }

  /** Each must be preregistered or partial, or the whole request is refused. */
  async admit(objects: readonly NewObject[]): Promise<void> {
    const [objectId] = await this.admitOpen(objects);
    if (objectId !== undefined) throw notPreregistered(objectId, 'was added before, or has expired');
  }

  /** Gives those that are complete already: they take nothing, and their accounts stay as they are. */
  async admitOpen(objects: readonly NewObject[]): Promise<ReadonlySet<ObjectId>> {
    const closed = new Set<ObjectId>();
    for (const { objectId, sizeBytes, footerPosition, partial } of objects) {
      const row = await readObject(this.#draft, objectId);
      if (row === undefined) throw notPreregistered(objectId, 'is not known');
      if (row.state === 'complete') {
        closed.add(objectId);
        continue;
      }
      const state = partial === true ? 'partial' : 'complete';
      this.#accounts.set(objectId, { ...row, state, sizeBytes, footerPosition, lastUpdatedMs: this.#nowMs });
    }
    return closed;
  }

  /** An extent of an admitted object is in use from now on. */
  use(extent: Extent): void {
    this.#admitted(extent).totalBytes += extent.length;
  }

  /** An extent of an admitted object was not taken: its bytes will never be in use. */
  drop(extent: Extent): void {
    const account = this.#admitted(extent);
    account.totalBytes += extent.length;
    account.removedBytes += extent.length;
  }

  /** An extent that was in use is replaced or removed. An object without a row has nothing to account for. */
  async retire({ objectId, baseOffset, length }: Extent): Promise<void> {
    const account = this.#accounts.get(objectId) ?? (await readObject(this.#draft, objectId));
    if (account === undefined) return;
    if (account.state === 'preregistered') {
      throw new EngineError(
        'corrupt-object',
        `an extent at ${baseOffset} lies in ${objectId}, which is preregistered`,
        {
          context: { objectId, baseOffset },
        },
      );
    }
    const removedBytes = account.removedBytes + length;
    this.#accounts.set(objectId, { ...account, removedBytes, lastUpdatedMs: this.#nowMs });
  }

  save(): void {
    for (const account of this.#accounts.values())
      this.#draft.put(objectKey(account.objectId), encodeObjectRow(account));
  }

  #admitted({ objectId }: Extent): Account {
    const account = this.#accounts.get(objectId);
    if (account === undefined) throw new EngineError('bug', `object ${objectId} was not admitted`);
    return account;
  }
}

function notPreregistered(objectId: ObjectId, found: string): EngineError {
  return new EngineError('object-not-preregistered', `object ${objectId} ${found}`, { context: { objectId } });
}
