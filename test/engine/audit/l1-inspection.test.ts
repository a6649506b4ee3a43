// Looking into an L1 object, whole and damaged: what is right is said to be right, every changed byte is found, and nothing is hidden.

import { beforeEach, describe, expect, it } from 'vitest';
import { inspectL1Object, type L1Inspection } from '../../../src/engine/audit/l1-inspection.ts';
import { checkL1Object } from '../../../src/engine/audit/l1-object-check.ts';
import { crc32c } from '../../../src/engine/base/checksum.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { decodeL1Footer, l1TrailerBytes } from '../../../src/engine/l1/l1-object-format.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import { putSpecimen, specimenCluster } from '../../support/l1-specimens.ts';

const id = '0198e6f2-1c7a-4000-8000-000000000001';
const key = `${specimenCluster}/level_one/${id}`;

describe('an L1 object', () => {
  let store: MemoryStore;
  let bytes: Buffer;
  let footerPosition: number;

  beforeEach(async () => {
    store = new MemoryStore({ clock: new VirtualClock() });
    ({ footerPosition } = await putSpecimen(store, id, [
      { partition: 0, baseOffset: 0, batches: 3 },
      { partition: 0, baseOffset: 40, batches: 1 },
      { partition: 5, baseOffset: 1000, batches: 4 },
    ]));
    ({ bytes } = await store.get(key));
  });

  const put = (changed: Uint8Array) => store.put(key, [changed]);
  const changed = (at: number, value = (bytes[at] as number) ^ 0xff): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };
  const inspected = (expected?: { sizeBytes: number; footerPosition: number }) => inspectL1Object(store, key, expected);
  async function checked(inspection: L1Inspection, partition?: number) {
    const steps = await Array.fromAsync(checkL1Object(store, inspection, partition));
    const sum = (of: 'bytes' | 'chunks' | 'batches' | 'records') => steps.reduce((total, step) => total + step[of], 0);
    const counts = { bytes: sum('bytes'), chunks: sum('chunks'), batches: sum('batches'), records: sum('records') };
    return { ...counts, findings: steps.flatMap(({ findings }) => findings) };
  }
  const found = async (inspection: L1Inspection) =>
    [...inspection.findings, ...(await checked(inspection)).findings].map(({ part }) => part);

  it('that is whole is shown with its sections, and everything in it checks', async () => {
    const inspection = await inspected({ sizeBytes: bytes.length, footerPosition });
    expect(inspection).toMatchObject({ footerPosition, trusted: true, findings: [] });
    expect(inspection.picture).toMatchObject({ clusterId: specimenCluster, objectId: id, kind: 'reconciled' });
    expect(await checked(inspection)).toEqual({ bytes: 1600, chunks: 5, batches: 8, records: 80, findings: [] });
    expect(await checked(inspection, 5)).toEqual({ bytes: 800, chunks: 2, batches: 4, records: 40, findings: [] });
    expect(await checked(inspection, 9)).toMatchObject({ chunks: 0, findings: [] });
  });

  it('with any one byte changed is found out', async () => {
    const missed: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
      await put(changed(at));
      try {
        if ((await found(await inspected())).length === 0) missed.push(at);
      } catch (error) {
        // A version that is not known is refused by name.
        expect(error).toMatchObject({ code: 'unsupported-format' });
        expect(at).toBeGreaterThanOrEqual(bytes.length - 12);
      }
    }
    expect(missed).toEqual([]);
  });

  it('that is cut off anywhere is found out, and shows what is left', async () => {
    for (const length of [0, 1, 19, 20, 200, 777, footerPosition, footerPosition + 100, bytes.length - 1]) {
      await put(bytes.subarray(0, length));
      const inspection = await inspected();
      expect(inspection.findings.map(({ part }) => part)).toContain('trailer');
      const { batches } = await checked(inspection);
      expect(batches).toBe(Math.min(8, Math.floor(length / 200)));
    }
  });

  it('is decoded all the same where its footer does not match its checksum, and not trusted', async () => {
    await put(changed(footerPosition + 65 + 60 + 11, 41));
    const inspection = await inspected();
    expect(inspection.trusted).toBe(false);
    expect(inspection.findings).toMatchObject([
      {
        part: 'footer',
        start: footerPosition,
        problem: expect.stringMatching(/^CRC32C /),
        expected: expect.any(String),
      },
    ]);
    expect(inspection.picture?.section(1)).toMatchObject({ partition: 0, baseOffset: 41, lastOffset: 49 });
    expect((await checked(inspection)).findings).toMatchObject([
      { part: 'chunk 2', problem: 'the batch holds offsets 40 to 49, at least 41 was expected' },
    ]);
  });

  it('is found by its metastore row, or by the checksum, where the trailer is damaged', async () => {
    await put(changed(bytes.length - 1));
    expect(await inspected({ sizeBytes: bytes.length, footerPosition })).toMatchObject({
      footerPosition,
      trusted: false,
    });
    const alone = await inspected();
    expect(alone).toMatchObject({ footerPosition, trusted: false, findings: [{ part: 'trailer' }] });
    expect((await checked(alone)).findings).toEqual([]);
  });

  it('without a footer is gone over batch by batch', async () => {
    const lost = changed(bytes.length - 1);
    lost.fill(0xee, footerPosition, footerPosition + 30);
    await put(lost);
    const inspection = await inspected();
    expect(inspection).toMatchObject({ footerPosition: null, picture: undefined });
    expect(await checked(inspection)).toMatchObject({
      batches: 8,
      records: 80,
      findings: [{ part: 'object', start: footerPosition, problem: expect.stringContaining('footer may have begun') }],
    });
  });

  it('says which chunk and which batch are damaged, with both checksums', async () => {
    await put(changed(450));
    const { findings } = await checked(await inspected());
    expect(findings).toMatchObject([
      { part: 'chunk 1', start: 400, length: 200, expected: expect.any(String), actual: expect.any(String) },
      { part: 'chunk 1', start: 400, length: 200, problem: expect.stringMatching(/^the CRC32C of the batch is /) },
    ]);
  });

  it('goes on behind a batch whose length is damaged', async () => {
    await put(changed(9));
    const { findings, batches } = await checked(await inspected());
    expect(findings.map(({ part }) => part)).toEqual(['chunk 0', 'chunk 0']);
    expect(findings[1]?.problem).toMatch(/^no record batch begins here/);
    expect(batches).toBe(6);
  });

  it('is compared with what the metastore says of it', async () => {
    const inspection = await inspected({ sizeBytes: 7, footerPosition: 1 });
    expect(inspection.findings).toMatchObject([
      { part: 'object', expected: 7, actual: bytes.length },
      { part: 'trailer', problem: `the footer begins at byte ${footerPosition}, the metastore says 1` },
    ]);
  });

  it('whose index says something else than its batches, with right checksums, is found out', async () => {
    // recordCount of the last section, and the base offset in the index of its second chunk.
    for (const at of [65 + 2 * 60 + 55, 65 + 3 * 60 + 4 * 28 + 15]) {
      const copy = changed(footerPosition + at, (bytes[footerPosition + at] as number) + 1);
      copy.writeUInt32BE(crc32c(copy.subarray(footerPosition, -l1TrailerBytes)), copy.length - l1TrailerBytes + 4);
      decodeL1Footer(copy.subarray(footerPosition), footerPosition, key);
      await put(copy);
      const inspection = await inspected();
      expect(inspection.trusted).toBe(true);
      expect((await checked(inspection)).findings).toHaveLength(1);
    }
  });

  it('that is not there is not found', async () => {
    await store.deleteMany([key]);
    await expect(inspected()).rejects.toMatchObject({ code: 'object-not-found' });
  });
});
