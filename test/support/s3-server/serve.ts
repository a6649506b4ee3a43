// The S3 test server as a program: `node test/support/s3-server/serve.ts [port] [bucket]`. Keys are those of the tests, or
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Prints one line of JSON when it listens; stops on SIGTERM or SIGINT.

import { startS3Server, testCredentials } from './s3-server.ts';

const [port = '0', bucket = 'test'] = process.argv.slice(2);
const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
const server = await startS3Server({
  port: Number(port),
  buckets: [bucket],
  credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : testCredentials,
});
process.stdout.write(
  `${JSON.stringify({ endpoint: server.endpoint, store: server.storeUrl(bucket), accessKeyId: server.credentials.accessKeyId })}\n`,
);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void server.stop());
