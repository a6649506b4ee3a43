import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { TurnGate } from '../../../src/engine/base/turn-gate.ts';
import { AnswerSender, pieceBytesMax } from '../../../src/engine/broker/answer-sender.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function pair(): Promise<{ server: Socket; client: Socket }> {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect((listener.address() as { port: number }).port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [Socket];
  ends.push(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { server, client };
}

/** Everything until the end. */
async function received(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const filled = (bytes: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * seed) % 251));

it('sends answers of all sizes in order, and says when each has left', async () => {
  const { server, client } = await pair();
  const sender = new AnswerSender(server, new TurnGate(1 << 20));
  const answers = [
    [filled(10, 1)],
    [filled(4, 2), filled(pieceBytesMax * 3 + 17, 3), filled(0, 1), filled(9, 4)],
    [filled(5, 5), filled(6, 6)],
    [filled(pieceBytesMax, 7)],
    [filled(pieceBytesMax + 1, 8)],
    [filled(3, 9)],
  ];
  const left: number[] = [];
  answers.forEach((parts, at) => {
    sender.send(
      parts,
      parts.reduce((sum, part) => sum + part.length, 0),
      () => left.push(at),
    );
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  sender.end(resolve);
  expect((await received(client)).equals(Buffer.concat(answers.flat()))).toBe(true);
  await ended;
  expect(left).toEqual([0, 1, 2, 3, 4, 5]);
});

it('sends large answers that were made when another had left, once and in order', async () => {
  const { server, client } = await pair();
  const sender = new AnswerSender(server, new TurnGate(1 << 20));
  const [first, second, third] = [filled(pieceBytesMax + 9, 3), filled(pieceBytesMax * 3 + 1, 5), filled(900_000, 7)];
  const left: string[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  sender.send([first], first.length, () => {
    left.push('first');
    sender.send([second], second.length, () => left.push('second'));
    sender.send([third], third.length, () => {
      left.push('third');
      sender.end(resolve);
    });
  });
  expect((await received(client)).equals(Buffer.concat([first, second, third]))).toBe(true);
  await ended;
  expect(left).toEqual(['first', 'second', 'third']);
});

it('gives the sockets of all connections no more than a share in a turn of the event loop', async () => {
  const gate = new TurnGate(1 << 20);
  const pairs = await Promise.all(Array.from({ length: 8 }, pair));
  const bytes = filled(3 << 20, 3);
  const reading = Promise.all(pairs.map(({ client }) => received(client)));
  let leaving = pairs.length;
  for (const { server } of pairs) {
    new AnswerSender(server, gate).send([bytes], bytes.length, () => {
      leaving--;
      server.end();
    });
  }
  const written = () => pairs.reduce((sum, { server }) => sum + server.bytesWritten, 0);
  let most = 0;
  for (let before = written(); leaving > 0; ) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, written() - before);
    before = written();
  }
  // What passed in one turn may be written behind what passed in the next.
  expect(most).toBeLessThanOrEqual(2 << 20);
  for (const came of await reading) expect(came.equals(bytes)).toBe(true);
});

it('keeps one piece in the socket of a client that does not read, and drops the rest when it dies', async () => {
  const { server, client } = await pair();
  client.pause();
  const sender = new AnswerSender(server, new TurnGate(1 << 20));
  const bytes = Buffer.alloc(64 << 20);
  let left = false;
  sender.send([bytes], bytes.length, () => {
    left = true;
  });
  let most = 0;
  for (let turn = 0, sent = -1; sent !== server.bytesWritten || turn < 50; turn++) {
    sent = server.bytesWritten;
    await new Promise((resolve) => setTimeout(resolve, 1));
    most = Math.max(most, server.writableLength);
  }
  expect(most).toBeLessThanOrEqual(pieceBytesMax);
  server.destroy();
  await once(server, 'close');
  sender.send([Buffer.from('late')], 4, () => {});
  await new Promise((resolve) => setImmediate(resolve));
  expect([left, server.bytesWritten < bytes.length]).toEqual([false, true]);
});
