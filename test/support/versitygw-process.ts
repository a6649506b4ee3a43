// A real S3 server (versitygw over a directory) as a child process, from `.ci/install-tools s3`.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, ServerProcess } from './server-process.ts';

const binary = fileURLToPath(new URL('../../.cache/bin/versitygw', import.meta.url));
const accessKey = 'interop-access';
const secretKey = 'interop-secret';
const region = 'us-east-1';

export function hasVersitygw(): boolean {
  return existsSync(binary);
}

export class VersitygwProcess implements AsyncDisposable {
  readonly endpoint: string;
  /** What a client process needs in its environment. */
  readonly credentials = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_REGION: region };
  readonly #server: ServerProcess;
  readonly #directory: string;

  private constructor(server: ServerProcess, endpoint: string, directory: string) {
    this.#server = server;
    this.endpoint = endpoint;
    this.#directory = directory;
  }

  static async start(directory: string): Promise<VersitygwProcess> {
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    await mkdir(directory, { recursive: true });
    const server = await ServerProcess.start({
      name: 'versitygw',
      command: binary,
      args: ['--port', `127.0.0.1:${port}`, '--region', region, '--quiet', 'posix', directory],
      env: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
      probe: async () => (await fetch(endpoint)).status > 0,
    });
    return new VersitygwProcess(server, endpoint, directory);
  }

  /** Makes a bucket and answers the store URL of a prefix in it. */
  async makeBucket(name: string): Promise<string> {
    // A bucket of the posix back end is a directory.
    await mkdir(join(this.#directory, name), { recursive: true });
    return `s3://${name}/cluster?endpoint=${encodeURIComponent(this.endpoint)}&region=${region}&pathStyle=true`;
  }

  output(): string {
    return this.#server.output();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(5_000);
  }
}
