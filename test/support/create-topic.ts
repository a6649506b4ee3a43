// Creates a topic on whatever broker answers, with explicit partitions.

import { Admin } from '@platformatic/kafka';

export async function createTopic(
  bootstrap: string,
  topic: string,
  partitions: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = new Admin({ clientId: 'create-topic', bootstrapBrokers: [bootstrap] });
  try {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
  } finally {
    await admin.close();
  }
}
