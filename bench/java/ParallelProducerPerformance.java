package org.apache.kafka.tools;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * Runs Kafka's own ProducerPerformance several times at once in one JVM: several producers without paying the
 * start and the warm-up of several JVMs on a machine with few cores.
 *
 * Usage: COUNT followed by the arguments of ProducerPerformance (every producer gets all of them).
 * Each producer prints its own summary line; at the end one line tells the wall time over all of them, from the
 * first producer's clock to the last producer's end.
 */
public final class ParallelProducerPerformance {
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[0]);
        String[] toolArgs = java.util.Arrays.copyOfRange(args, 1, args.length);
        List<ProducerPerformance> tools = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
        CountDownLatch ready = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            ProducerPerformance tool = new ProducerPerformance();
            tools.add(tool);
            Thread thread = new Thread(() -> {
                try {
                    ready.countDown();
                    ready.await();
                    tool.start(toolArgs);
                } catch (Throwable failure) {
                    failures.add(failure);
                }
            }, "producer-" + i);
            threads.add(thread);
            thread.start();
        }
        long started = System.currentTimeMillis();
        for (Thread thread : threads) thread.join();
        long ended = System.currentTimeMillis();
        for (Throwable failure : failures) failure.printStackTrace();
        System.out.println("PARALLEL producers=" + count + " failures=" + failures.size()
            + " wallMs=" + (ended - Math.max(started, firstClock(tools, started))));
        System.exit(failures.isEmpty() ? 0 : 1);
    }

    /** The tool starts its clock after the producer is created; the field is private, the fallback is our own clock. */
    private static long firstClock(List<ProducerPerformance> tools, long fallback) {
        long first = Long.MAX_VALUE;
        for (ProducerPerformance tool : tools) {
            try {
                var field = ProducerPerformance.Stats.class.getDeclaredField("start");
                field.setAccessible(true);
                first = Math.min(first, field.getLong(tool.stats));
            } catch (ReflectiveOperationException | RuntimeException unreadable) {
                return fallback;
            }
        }
        return first;
    }
}
