import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.Readable;

/**
 * Kafka's own message classes behind standard input and output: one JSON object a line, one answer a line.
 *
 *   {"do":"grammar","name":N}                     the message JSON that lies in the jar of kafka-clients
 *   {"do":"apis"} {"do":"errors"}                 ApiKeys with header versions; Errors
 *   {"do":"encode","name":N,"version":V,"value":J}   value (as of Nth JsonConverter) to {"bytes": base64}
 *   {"do":"decode","name":N,"version":V,"bytes":B}   reads B; what it writes again and how much it left over
 *
 * An exception becomes {"error": text}.
 */
public class Differential {
    static final ObjectMapper json = new ObjectMapper().enable(JsonParser.Feature.ALLOW_COMMENTS);
    static final String PACKAGE = "org.apache.kafka.common.message.";

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = json.createObjectNode();
            try {
                answer(json.readTree(line), answer);
            } catch (Exception e) {
                Throwable cause = e.getCause() == null ? e : e.getCause();
                answer.removeAll().put("error", cause.toString());
            }
            out.println(json.writeValueAsString(answer));
            if (!in.ready()) out.flush();
        }
    }

    static void answer(JsonNode ask, ObjectNode answer) throws Exception {
        String name = ask.path("name").asText();
        short version = (short) ask.path("version").asInt();
        switch (ask.path("do").asText()) {
            case "grammar" -> answer.set("grammar", grammar(name));
            case "apis" -> apis(answer);
            case "errors" -> errors(answer);
            case "encode" -> answer.put("bytes", write(fromJson(name, version, ask.get("value")), version));
            case "decode" -> {
                var bytes = new ByteBufferAccessor(ByteBuffer.wrap(ask.get("bytes").binaryValue()));
                answer.put("bytes", write(fromBytes(name, version, bytes), version));
                answer.put("left", bytes.remaining());
            }
            default -> throw new IllegalArgumentException("unknown: " + ask);
        }
    }

    static JsonNode grammar(String name) throws Exception {
        try (InputStream in = Differential.class.getResourceAsStream("/common/message/" + name + ".json")) {
            return json.readTree(in);
        }
    }

    static Message fromJson(String name, short version, JsonNode value) throws Exception {
        return (Message) Class.forName(PACKAGE + name + "DataJsonConverter")
            .getMethod("read", JsonNode.class, short.class).invoke(null, value, version);
    }

    static Message fromBytes(String name, short version, Readable bytes) throws Exception {
        return (Message) Class.forName(PACKAGE + name + "Data")
            .getConstructor(Readable.class, short.class).newInstance(bytes, version);
    }

    static String write(Message message, short version) {
        var cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) throw new IllegalStateException("size() was wrong");
        return Base64.getEncoder().encodeToString(buffer.array());
    }

    static void apis(ObjectNode answer) {
        for (ApiKeys api : ApiKeys.values()) {
            ObjectNode versions = answer.putObject(String.valueOf(api.id));
            short last = api.messageType.highestSupportedVersion(true);
            for (short v = api.messageType.lowestSupportedVersion(); v <= last; v++) {
                var headers = versions.putArray(String.valueOf(v));
                headers.add(api.requestHeaderVersion(v)).add(api.responseHeaderVersion(v));
            }
        }
    }

    static void errors(ObjectNode answer) {
        for (Errors error : Errors.values()) {
            answer.putObject(error.name()).put("code", error.code())
                .put("retriable", error.exception() instanceof RetriableException);
        }
    }
}
