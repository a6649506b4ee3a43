package org.apache.kafka.tools;

import java.util.Arrays;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Kafka's EndToEndLatency prints whole milliseconds and no 95th percentile. This drives that very tool and
 * watches it through an interceptor: one record is under way at a time, so one pair of clock readings suffices.
 * The first tenth of the records is left out as warm-up.
 *
 * Usage: the arguments of EndToEndLatency; its --command-config file must name this class in interceptor.classes.
 */
public final class EndToEndPercentiles implements ProducerInterceptor<byte[], byte[]>, ConsumerInterceptor<byte[], byte[]> {
    private static final long[] produceNs = new long[1_000_000];
    private static final long[] endToEndNs = new long[1_000_000];
    private static volatile long sentAt;
    private static volatile int acknowledged;
    private static volatile int received;

    public static void main(String[] args) {
        int status = EndToEndLatency.mainNoExit(args);
        print("PRODUCE", produceNs, acknowledged);
        print("END_TO_END", endToEndNs, received);
        System.exit(status);
    }

    private static void print(String name, long[] samples, int count) {
        long[] sorted = Arrays.copyOfRange(samples, count / 10, count);
        Arrays.sort(sorted);
        if (sorted.length == 0) return;
        System.out.printf(java.util.Locale.ROOT, "%s count=%d p50=%.3f p95=%.3f p99=%.3f max=%.3f%n", name, sorted.length,
            at(sorted, 0.50), at(sorted, 0.95), at(sorted, 0.99), at(sorted, 1));
    }

    private static double at(long[] sorted, double quantile) {
        return sorted[Math.min(sorted.length - 1, (int) (sorted.length * quantile))] / 1e6;
    }

    @Override public ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
        sentAt = System.nanoTime();
        return record;
    }

    @Override public void onAcknowledgement(RecordMetadata metadata, Exception failure) {
        if (failure == null) produceNs[acknowledged++] = System.nanoTime() - sentAt;
    }

    @Override public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
        if (!records.isEmpty()) endToEndNs[received++] = System.nanoTime() - sentAt;
        return records;
    }

    @Override public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) { }

    @Override public void close() { }

    @Override public void configure(Map<String, ?> configs) { }
}
