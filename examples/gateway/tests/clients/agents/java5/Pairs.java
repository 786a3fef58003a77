import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;
import org.eclipse.paho.mqttv5.common.packet.UserProperty;

/** Pairs `key=value` of the line protocol, and the properties of Paho Java that they stand for. */
final class Pairs {
    private final Map<String, String> values = new HashMap<>();
    private final List<UserProperty> users = new ArrayList<>();

    Pairs(String[] fields, int from) {
        for (int at = from; at < fields.length; at++) {
            String[] pair = fields[at].split("=", 2);
            if (pair[0].equals("user")) {
                String[] user = pair[1].split(":", 2);
                users.add(new UserProperty(user[0], user[1]));
            } else {
                values.put(pair[0], pair[1]);
            }
        }
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    int number(String key, int otherwise) {
        return has(key) ? Integer.parseInt(values.get(key)) : otherwise;
    }

    private Long amount(String key) {
        return has(key) ? Long.valueOf(values.get(key)) : null;
    }

    private Integer integer(String key) {
        return has(key) ? Integer.valueOf(values.get(key)) : null;
    }

    MqttConnectionOptions connectionOptions() {
        MqttConnectionOptions options = new MqttConnectionOptions();
        // They would be made up by the library.
        options.setUseSubscriptionIdentifiers(false);
        options.setSessionExpiryInterval(amount("session-expiry"));
        options.setReceiveMaximum(integer("receive-max"));
        options.setMaximumPacketSize(amount("packet-max"));
        options.setTopicAliasMaximum(integer("alias-max"));
        if (has("auth-method")) {
            options.setAuthMethod(values.get("auth-method"));
        }
        if (has("will-topic")) {
            byte[] payload = HexFormat.of().parseHex(values.get("will-payload"));
            MqttProperties properties = new MqttProperties();
            properties.setWillDelayInterval(amount("will-delay"));
            properties.setMessageExpiryInterval(amount("will-expiry"));
            options.setWillMessageProperties(properties);
            options.setWill(values.get("will-topic"),
                    new MqttMessage(payload, number("will-qos", 0), has("will-retain"), properties));
        }
        return options;
    }

    MqttProperties ofMessage() {
        MqttProperties properties = new MqttProperties();
        properties.setContentType(values.get("content-type"));
        properties.setResponseTopic(values.get("response-topic"));
        properties.setMessageExpiryInterval(amount("expiry"));
        properties.setTopicAlias(integer("alias"));
        if (has("correlation")) {
            properties.setCorrelationData(HexFormat.of().parseHex(values.get("correlation")));
        }
        if (has("format")) {
            properties.setPayloadFormat(values.get("format").equals("1"));
        }
        properties.setUserProperties(users);
        return properties;
    }

    static String ofConnack(MqttProperties found) {
        List<String> words = new ArrayList<>();
        add(words, "session-expiry", found.getSessionExpiryInterval());
        add(words, "receive-max", found.getReceiveMaximum());
        add(words, "packet-max", found.getMaximumPacketSize());
        add(words, "alias-max", found.getTopicAliasMaximum());
        add(words, "id", found.getAssignedClientIdentifier());
        add(words, "keep-alive", found.getServerKeepAlive());
        // The library does not tell an absent one from a 1.
        addFalse(words, "retain", found.isRetainAvailable());
        addFalse(words, "shared", found.isSharedSubscriptionAvailable());
        return String.join("\t", words);
    }

    static String of(MqttMessage message) {
        MqttProperties found = message.getProperties();
        List<String> words = new ArrayList<>();
        if (found != null) {
            add(words, "content-type", found.getContentType());
            byte[] correlation = found.getCorrelationData();
            add(words, "correlation", correlation == null ? null : HexFormat.of().formatHex(correlation));
            add(words, "expiry", found.getMessageExpiryInterval());
            add(words, "format", found.getPayloadFormat() ? "1" : null);
            add(words, "response-topic", found.getResponseTopic());
            for (UserProperty user : found.getUserProperties()) {
                words.add("user=" + user.getKey() + ":" + user.getValue());
            }
            String ids = found.getSubscriptionIdentifiers().stream().sorted().map(String::valueOf)
                    .collect(Collectors.joining(","));
            add(words, "ids", ids.isEmpty() ? null : ids);
            add(words, "alias", found.getTopicAlias());
        }
        add(words, "retain", message.isRetained() ? "1" : null);
        return String.join("\t", words);
    }

    private static void add(List<String> words, String key, Object value) {
        if (value != null) {
            words.add(key + "=" + value);
        }
    }

    private static void addFalse(List<String> words, String key, Boolean value) {
        if (value != null && !value) {
            words.add(key + "=0");
        }
    }
}
