import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.CRC32;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own producer, told by a ProducerSpec and answering in Outcomes: see ../producer-spec.ts. */
public final class Produce {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Where records come from; null = no more. */
  interface Source {
    ProducerRecord<byte[], byte[]> record(int id) throws Exception;
  }

  private final KafkaProducer<byte[], byte[]> producer;
  private final PrintStream out =
      new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, UTF_8);

  private Produce(KafkaProducer<byte[], byte[]> producer) {
    this.producer = producer;
  }

  public static void main(String[] args) throws Exception {
    var stdin = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    var spec = JSON.readTree(stdin.readLine());
    var source = spec.hasNonNull("records") ? listed(spec.get("records")) : generated(spec, stdin);
    var start = System.nanoTime();
    var kafka = new KafkaProducer<>(properties(spec), new ByteArraySerializer(), new ByteArraySerializer());
    var program = new Produce(kafka);
    program.flushNowAndThen();
    var sent = program.sendAll(source);
    kafka.close();
    program.print("{\"done\":true,\"sent\":" + sent + ",\"ms\":" + millisSince(start) + "}");
    program.out.flush();
    System.exit(0); // a thread may still wait for stdin to close
  }

  private static Properties properties(JsonNode spec) {
    var properties = new Properties();
    properties.put("bootstrap.servers", spec.get("bootstrap").asText());
    for (var e : spec.path("properties").properties()) properties.put(e.getKey(), e.getValue().asText());
    return properties;
  }

  private int sendAll(Source source) throws Exception {
    for (var id = 0; ; id++) {
      var record = source.record(id);
      if (record == null) return id;
      send(id, record);
    }
  }

  /** A failure may be thrown, told to the callback, or both: it counts once. */
  private void send(int id, ProducerRecord<byte[], byte[]> record) {
    var start = System.nanoTime();
    var answered = new AtomicBoolean();
    Callback callback = (metadata, error) -> {
      if (answered.compareAndSet(false, true)) print(outcome(id, record.topic(), metadata, error, start));
    };
    try {
      producer.send(record, callback);
    } catch (RuntimeException error) {
      callback.onCompletion(null, error);
    }
  }

  private static String outcome(int id, String topic, RecordMetadata metadata, Exception error, long start) {
    var line = JSON.createObjectNode();
    line.put("id", id);
    line.put("topic", topic);
    line.put("partition", metadata == null || metadata.partition() < 0 ? null : (Integer) metadata.partition());
    line.put("offset", error == null && metadata.hasOffset() ? metadata.offset() : -1);
    line.put("timestamp", error == null ? metadata.timestamp() : -1);
    line.put("error", error == null ? null : error.getClass().getSimpleName() + ": " + error.getMessage());
    line.put("code", error == null ? null : brokerCode(error));
    line.put("ms", millisSince(start));
    return line.toString();
  }

  /** The client uses the same class for the broker's 7 and for its own deadline: the text tells them apart. */
  private static Integer brokerCode(Exception error) {
    var code = Errors.forException(error);
    if (code == Errors.REQUEST_TIMED_OUT && !code.message().equals(error.getMessage())) return null;
    if (code == Errors.UNKNOWN_SERVER_ERROR && !code.exception().getClass().isInstance(error)) return null;
    return (int) code.code();
  }

  private static Source listed(JsonNode records) {
    return (id) -> id < records.size() ? recordOf(records.get(id)) : null;
  }

  private static ProducerRecord<byte[], byte[]> recordOf(JsonNode node) {
    List<Header> headers = new ArrayList<>();
    for (var header : node.path("headers")) {
      headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
    }
    var partition = node.hasNonNull("partition") ? (Integer) node.get("partition").asInt() : null;
    var timestamp = node.hasNonNull("timestamp") ? (Long) node.get("timestamp").asLong() : null;
    var topic = node.get("topic").asText();
    return new ProducerRecord<>(topic, partition, timestamp, bytes(node.get("key")), bytes(node.get("value")), headers);
  }

  private static byte[] bytes(JsonNode node) {
    return node == null || node.isNull() ? null : Base64.getDecoder().decode(node.asText());
  }

  private static Source generated(JsonNode spec, BufferedReader stdin) {
    var generate = spec.get("generate");
    var name = spec.get("name").asText();
    var topics = generate.get("topics");
    var partitions = generate.path("partitions").asInt(0);
    var bytes = generate.path("valueBytes").asInt(100);
    var count = generate.path("count").asInt(Integer.MAX_VALUE);
    var perSecond = generate.path("perSecond").asDouble(0);
    var stopped = generate.hasNonNull("count") ? new AtomicBoolean() : whenClosed(stdin);
    var start = System.nanoTime();
    return (id) -> {
      if (perSecond > 0) pauseUntil(start + (long) (id / perSecond * 1e9), stopped);
      if (id >= count || stopped.get()) return null;
      var topic = topics.get(id % topics.size()).asText();
      var partition = partitions > 0 ? (Integer) (id / topics.size() % partitions) : null;
      return new ProducerRecord<>(topic, partition, null, generatedValue(name, topic, id, bytes));
    };
  }

  private static AtomicBoolean whenClosed(BufferedReader stdin) {
    var closed = new AtomicBoolean();
    inBackground(() -> {
      try {
        while (stdin.readLine() != null) continue;
      } catch (IOException error) {
        // closed, too
      }
      closed.set(true);
    });
    return closed;
  }

  private static void pauseUntil(long time, AtomicBoolean stopped) {
    for (long left; (left = time - System.nanoTime()) > 0 && !stopped.get(); ) {
      LockSupport.parkNanos(Math.min(left, 50_000_000));
    }
  }

  private static byte[] generatedValue(String name, String topic, int seq, int bytes) {
    var head = (name + "|" + topic + "|" + seq + "|").getBytes(UTF_8);
    var value = new byte[Math.max(head.length, bytes - 8) + 8];
    for (var i = 0; i < value.length - 8; i++) value[i] = head[i % head.length];
    var crc = new CRC32();
    crc.update(value, 0, value.length - 8);
    System.arraycopy(String.format("%08x", crc.getValue()).getBytes(UTF_8), 0, value, value.length - 8, 8);
    return value;
  }

  private void print(String line) {
    out.print(line + "\n");
  }

  /** Flushing each line would slow big runs down; the reader still wants to see them soon. */
  private void flushNowAndThen() {
    inBackground(() -> {
      while (true) {
        out.flush();
        LockSupport.parkNanos(10_000_000);
      }
    });
  }

  private static void inBackground(Runnable work) {
    var thread = new Thread(work);
    thread.setDaemon(true);
    thread.start();
  }

  private static double millisSince(long start) {
    return (System.nanoTime() - start) / 10_000 / 100.0;
  }
}
