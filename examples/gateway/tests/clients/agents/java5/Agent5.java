import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import org.eclipse.paho.mqttv5.client.IMqttToken;
import org.eclipse.paho.mqttv5.client.MqttActionListener;
import org.eclipse.paho.mqttv5.client.MqttAsyncClient;
import org.eclipse.paho.mqttv5.client.MqttCallback;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.client.MqttDisconnectResponse;
import org.eclipse.paho.mqttv5.client.persist.MemoryPersistence;
import org.eclipse.paho.mqttv5.common.MqttException;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.MqttSubscription;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;

/** Drives Paho Java for MQTT 5.0 by the line protocol described in ../README.md. */
public final class Agent5 implements MqttCallback {
    private static final PrintStream OUTPUT = System.out;
    private static final int REASON_CODES_FROM = 0x80;
    private static final int REASON_CODES_TO = 0xa2;

    private final String name;
    private final MqttAsyncClient client;
    private boolean leaving;

    private Agent5(String name, String url, String clientId) throws MqttException {
        this.name = name;
        String uri = url.replaceFirst("^tls:", "ssl:");
        client = new MqttAsyncClient(uri, clientId, new MemoryPersistence());
        client.setCallback(this);
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Agent5> agents = new HashMap<>();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] fields = line.split("\t", -1);
            try {
                run(agents, fields);
            } catch (Exception error) {
                emit("failed", fields[1], error.toString());
            }
        }
        System.exit(0);
    }

    private static void run(Map<String, Agent5> agents, String[] fields) throws Exception {
        String name = fields[1];
        switch (fields[0]) {
            case "connect" -> {
                Agent5 agent = new Agent5(name, fields[2], fields[3]);
                agents.put(name, agent);
                agent.connect(fields);
            }
            case "subscribe" -> agents.get(name).subscribe(fields);
            case "unsubscribe" -> agents.get(name).unsubscribe(fields[2]);
            case "publish" -> agents.get(name).publish(fields);
            case "disconnect" -> agents.get(name).disconnect(new Pairs(fields, 2));
            case "drop" -> agents.get(name).drop();
            default -> throw new IllegalArgumentException(fields[0]);
        }
    }

    private void connect(String[] fields) throws Exception {
        Pairs pairs = new Pairs(fields, 12);
        MqttConnectionOptions options = pairs.connectionOptions();
        options.setCleanStart(fields[4].equals("1"));
        options.setKeepAliveInterval(Integer.parseInt(fields[5]));
        if (!fields[7].isEmpty()) {
            String password = fields[9].isEmpty() ? fields[8] : sign(fields[9], fields[10]);
            options.setUserName(fields[7]);
            options.setPassword(password.getBytes(StandardCharsets.UTF_8));
        }
        if (!fields[11].isEmpty()) {
            options.setSocketFactory(trusting(fields[11]));
        }
        client.connect(options, null, listener(
                token -> emit("connected", name, token.getSessionPresent() ? "1" : "0",
                        Pairs.ofConnack(token.getResponseProperties())),
                this::connectFailed));
    }

    private void connectFailed(Throwable error) {
        int code = error instanceof MqttException failure ? failure.getReasonCode() : 0;
        if (code >= REASON_CODES_FROM && code <= REASON_CODES_TO) {
            emit("refused", name, Integer.toString(code));
        } else {
            emit("failed", name, error.toString());
        }
    }

    private void subscribe(String[] fields) throws Exception {
        Pairs pairs = new Pairs(fields, 4);
        MqttSubscription subscription = new MqttSubscription(fields[2], Integer.parseInt(fields[3]));
        subscription.setNoLocal(pairs.has("no-local"));
        subscription.setRetainAsPublished(pairs.has("retain-as-published"));
        subscription.setRetainHandling(pairs.number("retain-handling", 0));
        MqttProperties properties = new MqttProperties();
        if (pairs.has("id")) {
            properties.setSubscriptionIdentifier(pairs.number("id", 0));
        }
        client.subscribe(new MqttSubscription[] {subscription}, null, listener(
                token -> emit("subscribed", name, Integer.toString(token.getReasonCodes()[0])),
                error -> emit("subscribed", name, Integer.toString(code(error)))), properties);
    }

    private void unsubscribe(String filter) throws MqttException {
        client.unsubscribe(filter, null, listener(
                token -> emit("unsubscribed", name, Integer.toString(token.getReasonCodes()[0])),
                error -> emit("failed", name, error.toString())));
    }

    private void publish(String[] fields) throws Exception {
        Pairs pairs = new Pairs(fields, 5);
        byte[] payload = HexFormat.of().parseHex(fields[4]);
        MqttMessage message =
                new MqttMessage(payload, Integer.parseInt(fields[3]), pairs.has("retain"), pairs.ofMessage());
        client.publish(fields[2], message, null, listener(
                token -> emit("published", name, Integer.toString(firstCode(token))),
                error -> emit("published", name, Integer.toString(code(error)))));
    }

    private static int firstCode(IMqttToken token) {
        int[] codes = token.getReasonCodes();
        return codes == null || codes.length == 0 ? 0 : codes[0];
    }

    private static int code(Throwable error) {
        return error instanceof MqttException failure ? failure.getReasonCode() : -1;
    }

    private void disconnect(Pairs pairs) throws MqttException {
        leaving = true;
        MqttProperties properties = new MqttProperties();
        if (pairs.has("session-expiry")) {
            properties.setSessionExpiryInterval((long) pairs.number("session-expiry", 0));
        }
        client.disconnect(1000, null, listener(
                token -> emit("disconnected", name),
                error -> emit("failed", name, error.toString())), pairs.number("reason", 0), properties);
    }

    /** The connection breaks, without DISCONNECT. */
    private void drop() {
        leaving = true;
        CompletableFuture.runAsync(() -> {
            try {
                client.disconnectForcibly(0, 1, false);
            } catch (MqttException error) {
                // It is broken, which is what was wanted.
            }
            emit("disconnected", name);
        });
    }

    @Override
    public void disconnected(MqttDisconnectResponse response) {
        if (leaving) {
            return;
        }
        int code = response.getReturnCode();
        if (code >= REASON_CODES_FROM && code <= REASON_CODES_TO) {
            emit("lost", name, Integer.toString(code));
        } else {
            emit("lost", name);
        }
    }

    @Override
    public void mqttErrorOccurred(MqttException error) {
        System.err.println(name + ": " + error);
    }

    @Override
    public void messageArrived(String topic, MqttMessage message) {
        String payload = HexFormat.of().formatHex(message.getPayload());
        emit("message", name, topic, Integer.toString(message.getQos()), payload, Pairs.of(message));
    }

    @Override
    public void deliveryComplete(IMqttToken token) {
        // The listener of the publication says so.
    }

    @Override
    public void connectComplete(boolean reconnect, String uri) {
        // The listener of the connection says so.
    }

    @Override
    public void authPacketArrived(int reason, MqttProperties properties) {
        emit("failed", name, "AUTH " + reason);
    }

    private static MqttActionListener listener(Outcome<IMqttToken> success, Outcome<Throwable> failure) {
        return new MqttActionListener() {
            @Override
            public void onSuccess(IMqttToken token) {
                success.accept(token);
            }

            @Override
            public void onFailure(IMqttToken token, Throwable error) {
                failure.accept(error);
            }
        };
    }

    private interface Outcome<T> {
        void accept(T value);
    }

    private static String sign(String secret, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA1");
        mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
        return Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static SSLSocketFactory trusting(String caFile) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream input = new FileInputStream(caFile)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(input));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    /** Empty fields at the end are left out. */
    private static synchronized void emit(String... fields) {
        String line = String.join("\t", fields);
        OUTPUT.println(line.endsWith("\t") ? line.substring(0, line.length() - 1) : line);
        OUTPUT.flush();
    }
}
