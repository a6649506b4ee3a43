// Appends to three groups of an embedded log without end, or `rounds` times, and writes one line for every outcome.
// Arguments: directory, rounds (0: without end), bytes per entry. Lines: "open <group> <term> <end>", "ack <group> <index>", …

import { writeSync } from 'node:fs';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openEmbeddedLog } from '../../../src/engine/replicated-log/embedded-log.ts';

const [directory = '', rounds = '0', bytes = '100'] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

const log = await openEmbeddedLog({
  directory,
  random: systemRandom,
  onFatal: (error) => {
    say(`fatal ${error.message}`);
    process.exit(70);
  },
});

const opened = await log.open(['a', 'b', 'c']);
for (const { group, term, end } of opened) say(`open ${group} ${term} ${end}`);

async function write({ group, term, end }: (typeof opened)[number]): Promise<void> {
  let last = end;
  for (let round = 0; rounds === '0' || round < Number(rounds); round++) {
    const entry = Buffer.alloc(Number(bytes), `${group}/${last + 1};`);
    const [outcome] = await log.append([{ group, term, expectedEnd: last, entries: [entry] }]);
    if (outcome?.status === 'committed') {
      last = outcome.end;
      say(`ack ${group} ${last}`);
      continue;
    }
    say(`${outcome?.status} ${group} ${outcome !== undefined && 'error' in outcome ? outcome.error.message : ''}`);
    // Waits for a line on standard input before it tries again.
    await new Promise((resolve) => process.stdin.once('data', resolve));
  }
}

await Promise.all(opened.map(write));
await log[Symbol.asyncDispose]();
say('done');
process.stdin.destroy();
