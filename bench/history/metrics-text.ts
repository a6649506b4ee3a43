// Reads what a broker shows to Prometheus, as far as the benchmark wants it: sums over labels, differences between two readings.

export type Metrics = readonly { readonly name: string; readonly labels: string; readonly value: number }[];

export function parseMetrics(text: string): Metrics {
  return text.split('\n').flatMap((line) => {
    const found = /^([a-z_0-9]+)(\{.*\})? (\S+)$/.exec(line);
    return found === null ? [] : [{ name: found[1] as string, labels: found[2] ?? '', value: Number(found[3]) }];
  });
}

/** The sum over all series of a metric whose labels contain the text. */
export function total(metrics: Metrics, name: string, label = ''): number {
  return metrics
    .filter((one) => one.name === `cloudtopics_${name}` && one.labels.includes(label))
    .reduce((sum, { value }) => sum + value, 0);
}
