import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints every record of some topics, from the first offset to the end as it was at the start, one JSON line
 * each: ReadLog BOOTSTRAP TOPIC... The last line is {"done":true}.
 */
public final class ReadLog {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    var out = new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, UTF_8);
    try (var consumer = consumerOf(args[0])) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (var i = 1; i < args.length; i++) {
        for (var info : consumer.partitionsFor(args[i])) {
          partitions.add(new TopicPartition(info.topic(), info.partition()));
        }
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      var ends = consumer.endOffsets(partitions);
      while (!atEnd(consumer, ends)) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          var end = ends.get(new TopicPartition(record.topic(), record.partition()));
          if (record.offset() < end) out.print(lineOf(record) + "\n");
        }
      }
    }
    out.print("{\"done\":true}\n");
    out.flush();
  }

  private static KafkaConsumer<byte[], byte[]> consumerOf(String bootstrap) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "none");
    properties.put("max.poll.records", "10000");
    properties.put("fetch.max.wait.ms", "10"); // close() waits for a fetch at the end of the log
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static boolean atEnd(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
    for (var end : ends.entrySet()) {
      if (consumer.position(end.getKey()) < end.getValue()) return false;
    }
    return true;
  }

  private static String lineOf(ConsumerRecord<byte[], byte[]> record) {
    var line = JSON.createObjectNode();
    line.put("topic", record.topic());
    line.put("partition", record.partition());
    line.put("offset", record.offset());
    line.put("timestamp", record.timestamp());
    line.put("timestampType", record.timestampType().name);
    line.put("key", base64(record.key()));
    line.put("value", base64(record.value()));
    var headers = line.putArray("headers");
    for (var header : record.headers()) headers.addArray().add(header.key()).add(base64(header.value()));
    return line.toString();
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }
}
