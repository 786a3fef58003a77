import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import org.apache.commons.codec.binary.Base64;
import org.apache.commons.codec.binary.Hex;
import org.eclipse.paho.client.mqttv3.IMqttActionListener;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.IMqttToken;
import org.eclipse.paho.client.mqttv3.MqttAsyncClient;
import org.eclipse.paho.client.mqttv3.MqttCallback;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/** Drives Paho Java by the line protocol described in ../README.md. */
public final class Agent implements MqttCallback {
    private static final PrintStream OUTPUT = System.out;
    private static final int CONNACK_CODE_MAX = 5;
    private static final int INFLIGHT_MAX = 1000;

    private final String name;
    private final MqttAsyncClient client;

    private Agent(String name, String url, String clientId) throws MqttException {
        this.name = name;
        String uri = url.replaceFirst("^tls:", "ssl:");
        client = new MqttAsyncClient(uri, clientId, new MemoryPersistence());
        client.setCallback(this);
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Agent> agents = new HashMap<>();
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

    private static void run(Map<String, Agent> agents, String[] fields) throws Exception {
        String name = fields[1];
        switch (fields[0]) {
            case "connect" -> {
                Agent agent = new Agent(name, fields[2], fields[3]);
                agents.put(name, agent);
                agent.connect(fields);
            }
            case "subscribe" -> agents.get(name).subscribe(fields[2], Integer.parseInt(fields[3]));
            case "unsubscribe" -> agents.get(name).unsubscribe(fields[2]);
            case "publish" -> agents.get(name).publish(fields[2], Integer.parseInt(fields[3]), fields[4]);
            case "disconnect" -> agents.get(name).disconnect();
            default -> throw new IllegalArgumentException(fields[0]);
        }
    }

    private void connect(String[] fields) throws Exception {
        MqttConnectOptions options = new MqttConnectOptions();
        options.setCleanSession(fields[4].equals("1"));
        options.setKeepAliveInterval(Integer.parseInt(fields[5]));
        options.setMaxInflight(INFLIGHT_MAX);
        options.setMqttVersion(Integer.parseInt(fields[6]));
        if (!fields[7].isEmpty()) {
            String password = fields[9].isEmpty() ? fields[8] : sign(fields[9], fields[10]);
            options.setUserName(fields[7]);
            options.setPassword(password.toCharArray());
        }
        if (!fields[11].isEmpty()) {
            options.setSocketFactory(trusting(fields[11]));
        }
        client.connect(options, null, listener(
                token -> emit("connected", name, token.getSessionPresent() ? "1" : "0"),
                this::connectFailed));
    }

    private void connectFailed(Throwable error) {
        int code = error instanceof MqttException failure ? failure.getReasonCode() : 0;
        if (code > 0 && code <= CONNACK_CODE_MAX) {
            emit("refused", name, Integer.toString(code));
        } else {
            emit("failed", name, error.toString());
        }
    }

    private void subscribe(String filter, int qos) throws MqttException {
        client.subscribe(filter, qos, null, listener(
                token -> emit("subscribed", name, Integer.toString(token.getGrantedQos()[0])),
                error -> emit("failed", name, error.toString())));
    }

    private void unsubscribe(String filter) throws MqttException {
        client.unsubscribe(filter, null, listener(
                token -> emit("unsubscribed", name),
                error -> emit("failed", name, error.toString())));
    }

    private void publish(String topic, int qos, String payload) throws Exception {
        client.publish(topic, Hex.decodeHex(payload.toCharArray()), qos, false);
    }

    private void disconnect() throws MqttException {
        client.disconnect(null, listener(
                token -> emit("disconnected", name),
                error -> emit("failed", name, error.toString())));
    }

    @Override
    public void connectionLost(Throwable cause) {
        emit("lost", name);
    }

    @Override
    public void messageArrived(String topic, MqttMessage message) {
        String payload = Hex.encodeHexString(message.getPayload());
        emit("message", name, topic, Integer.toString(message.getQos()), payload);
    }

    @Override
    public void deliveryComplete(IMqttDeliveryToken token) {
        emit("published", name);
    }

    private static IMqttActionListener listener(Outcome<IMqttToken> success, Outcome<Throwable> failure) {
        return new IMqttActionListener() {
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
        return Base64.encodeBase64String(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
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

    private static synchronized void emit(String... fields) {
        OUTPUT.println(String.join("\t", fields));
        OUTPUT.flush();
    }
}
