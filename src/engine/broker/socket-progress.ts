// How many bytes of a socket have left for the kernel.
//
// Node counts a write as one: of 50 MiB that were written with one system call, `writableLength` shows all until the last byte
// has left. What of them still waits is known to the handle only (Node's own idle timer looks there, too).

import type { Socket } from 'node:net';

export function sentBytes(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { bytesWritten?: unknown; writeQueueSize?: unknown } | null })
    ._handle;
  if (typeof handle?.bytesWritten === 'number' && typeof handle.writeQueueSize === 'number') {
    return handle.bytesWritten - handle.writeQueueSize;
  }
  return socket.bytesWritten - socket.writableLength;
}
