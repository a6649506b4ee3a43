import { describe, expect, it } from 'vitest';
import { HistoryWorld } from '../reconciler/history-world.ts';

async function reconciled(): Promise<HistoryWorld> {
  const made = new HistoryWorld();
  await made.start();
  for (let at = 0; at < 5; at++) await made.produce({ payload: `r${at}` });
  await made.settle();
  made.forgetBatchCache();
  return made;
}

async function loseRows(made: HistoryWorld, isLost: (key: string) => boolean): Promise<void> {
  for (const domain of made.domains) {
    const lost = (await domain.scan({})).filter(({ key }) => isLost(key));
    expect(lost.length).toBeGreaterThan(0);
    await domain.write(lost.map(({ key }) => ({ key, value: undefined })));
  }
}

describe('reconciled offsets that the metastore should know', () => {
  it('and does not are an error, and nothing that readers are led over', async () => {
    const made = await reconciled();
    await loseRows(made, () => true);
    await expect(made.readFrom(1, 1000)).rejects.toMatchObject({ code: 'corrupt-log' });
  });

  it('whose object has no row are an error too', async () => {
    const made = await reconciled();
    await loseRows(made, (key) => key.startsWith('object'));
    await expect(made.readFrom(1, 1000)).rejects.toMatchObject({ code: 'corrupt-object' });
  });
});
