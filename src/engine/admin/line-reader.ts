// Cuts streams of bytes into lines, as views, without ever making text of them. A line ends with \n, which is not part of
// it; everything else is, \r too. Empty lines are lines. A last line without \n is a line; nothing behind a last \n is none.
// It refuses a line that is larger than any record could be, so that a stream without line ends cannot fill the memory.

import { EngineError } from '../base/errors.ts';

const newline = 0x0a;

/** Lines in handfuls: those that end in one chunk of the stream. The views stay valid. */
export async function* readLines(stream: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<Buffer[]> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of stream) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      lines.push(pending.length === 0 ? tail : Buffer.concat([...pending, tail]));
      pending = [];
      pendingBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > lineBytesMax) {
        throw new EngineError('message-too-large', `a line is longer than ${lineBytesMax} bytes`);
      }
    }
    if (lines.length > 0) yield lines;
  }
  if (pendingBytes > 0) yield [Buffer.concat(pending)];
}
