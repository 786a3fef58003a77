import java.nio.charset.StandardCharsets;
import java.util.Date;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.apache.commons.codec.binary.Base64;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.MqttCallbackExtended;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/**
 * The SDK calls of the product manual's Java programs, with the manual's parameters:
 * {@code send}, {@code receive}, {@code order} and {@code ssl}.
 */
public final class Document implements MqttCallbackExtended {
    private static final int MESSAGES = 10;

    private final String mode;
    private final String topic = System.getenv("LMQ_TOPIC");
    private final String target = System.getenv("LMQ_TARGET");
    private final MqttClient client;

    private Document(String mode) throws MqttException {
        this.mode = mode;
        client = new MqttClient(System.getenv("LMQ_URL"), System.getenv("LMQ_CLIENT_ID"), new MemoryPersistence());
    }

    public static void main(String[] arguments) throws Exception {
        Document document = new Document(arguments[0]);
        document.connect();
        if (document.mode.equals("receive")) {
            document.subscribe();
        } else {
            document.send();
        }
        Thread.sleep(Integer.MAX_VALUE);
    }

    private void connect() throws Exception {
        boolean ssl = mode.equals("ssl");
        MqttConnectOptions options = new MqttConnectOptions();
        options.setUserName(System.getenv("LMQ_ACCESS_KEY"));
        options.setServerURIs(new String[] {System.getenv("LMQ_URL")});
        options.setPassword(password().toCharArray());
        options.setCleanSession(!ssl);
        options.setKeepAliveInterval(ssl ? 100 : 90);
        options.setAutomaticReconnect(true);
        if (!mode.equals("receive")) {
            options.setMqttVersion(MqttConnectOptions.MQTT_VERSION_3_1_1);
        }
        client.setCallback(this);
        client.connect(options);
    }

    private void subscribe() throws MqttException {
        String[] filters = {topic + "/notice/", topic + "/p2p"};
        int[] qos = {0, 0};
        client.subscribe(filters, qos);
        System.out.println("subscribed");
    }

    private void send() throws MqttException {
        for (int number = 0; number < MESSAGES; number++) {
            String content = new Date() + "MQTT Test body" + number;
            MqttMessage message = new MqttMessage(content.getBytes(StandardCharsets.UTF_8));
            message.setQos(0);
            client.publish(topic + "/notice/", message);
            client.publish(topic + "/p2p/" + target, message);
        }
        System.out.println("sent");
    }

    /** The manual signs the group with the secret and uses the access key as user name. */
    private static String password() throws Exception {
        String group = System.getenv("LMQ_CLIENT_ID").split("@@@")[0];
        Mac mac = Mac.getInstance("HmacSHA1");
        mac.init(new SecretKeySpec(System.getenv("LMQ_SECRET_KEY").getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
        return new String(Base64.encodeBase64(mac.doFinal(group.getBytes(StandardCharsets.UTF_8))), StandardCharsets.UTF_8);
    }

    @Override
    public void connectComplete(boolean reconnect, String uri) {
        System.out.println("connected");
        try {
            if (mode.equals("receive")) {
                subscribe();
            } else if (mode.equals("order")) {
                MqttMessage message = new MqttMessage("{\"order\":\"true\"}".getBytes(StandardCharsets.UTF_8));
                message.setQos(1);
                client.publish("$SYS/enableOrderMsg", message);
            }
        } catch (MqttException error) {
            System.out.println("failed " + error);
        }
    }

    @Override
    public void connectionLost(Throwable cause) {
        System.out.println("lost " + cause);
    }

    @Override
    public void messageArrived(String name, MqttMessage message) {
        System.out.println("arrived " + name + " " + new String(message.getPayload(), StandardCharsets.UTF_8));
    }

    @Override
    public void deliveryComplete(IMqttDeliveryToken token) {
        System.out.println("delivered " + token.getMessageId());
    }
}
