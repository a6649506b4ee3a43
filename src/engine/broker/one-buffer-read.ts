// Reads all connections through one buffer.
//
// By default Node allocates up to 64 KiB for every read of every socket; at hundreds of MB/s the garbage collector then takes
// more time than everything else. Here each read lands in the same 256 KiB, and what it brought is taken out (copied to where it
// belongs) before the callback returns: the event loop reads one socket after the other, so nobody else uses it meanwhile.
//
// Node offers this (`onread`) for sockets it connects, not for those it accepts; so an accepted socket gives its handle to a new
// one. Everything else about the connection stays as it is.

import { Socket, type SocketConstructorOpts } from 'node:net';

const sharedBytes = 256 * 1024;
const shared = Buffer.allocUnsafeSlow(sharedBytes);

/**
 * The same connection, read through the shared buffer. `onBytes` must be done with the bytes when it returns. The socket given
 * in must have been accepted with `pauseOnConnect`; it is not used any more.
 */
export function readThroughOneBuffer(accepted: Socket, onBytes: (bytes: Buffer) => void): Socket {
  const carrier = accepted as unknown as { _handle: unknown };
  const handle = carrier._handle;
  carrier._handle = null;
  const options = {
    handle,
    onread: {
      buffer: shared,
      callback: (length: number) => {
        onBytes(shared.subarray(0, length));
        return true;
      },
    },
  };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  // The server counts the socket it accepted until that one closes.
  socket.on('close', () => accepted.destroy());
  return socket;
}
