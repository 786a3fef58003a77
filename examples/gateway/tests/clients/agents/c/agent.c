/* Drives Paho C (asynchronous, with TLS) by the line protocol described in ../README.md. */
#define _GNU_SOURCE
#include <MQTTAsync.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 16, CONNACK_CODE_MAX = 5, SUBSCRIBE_REFUSED = 128 };

struct connection {
    struct connection *next;
    char *name;
    MQTTAsync client;
};

static struct connection *connections;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void emit(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&output);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    pthread_mutex_unlock(&output);
    va_end(arguments);
}

static void sign(const char *secret, const char *text, char *password) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text), digest, &length);
    EVP_EncodeBlock((unsigned char *)password, digest, (int)length);
}

static char *hex_encode(const unsigned char *bytes, int length) {
    char *text = malloc(2 * (size_t)length + 1);
    text[0] = '\0';
    for (int at = 0; at < length; at++) {
        static const char digits[] = "0123456789abcdef";
        text[2 * at] = digits[bytes[at] >> 4];
        text[2 * at + 1] = digits[bytes[at] & 15];
    }
    text[2 * length] = '\0';
    return text;
}

static int hex_decode(const char *text, unsigned char **bytes) {
    int length = (int)(strlen(text) / 2);
    *bytes = malloc((size_t)length + 1);
    for (int at = 0; at < length; at++) {
        char pair[3] = {text[2 * at], text[2 * at + 1], '\0'};
        (*bytes)[at] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return length;
}

static void on_connected(void *context, MQTTAsync_successData *data) {
    struct connection *connection = context;
    emit("connected\t%s\t%d", connection->name, data->alt.connect.sessionPresent);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data) {
    struct connection *connection = context;
    if (data->code > 0 && data->code <= CONNACK_CODE_MAX)
        emit("refused\t%s\t%d", connection->name, data->code);
    else
        emit("failed\t%s\t%d %s", connection->name, data->code, data->message ? data->message : "");
}

static void on_lost(void *context, char *cause) {
    struct connection *connection = context;
    (void)cause;
    emit("lost\t%s", connection->name);
}

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message) {
    struct connection *connection = context;
    (void)topic_length;
    char *payload = hex_encode(message->payload, message->payloadlen);
    emit("message\t%s\t%s\t%d\t%s", connection->name, topic, message->qos, payload);
    free(payload);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_subscribed(void *context, MQTTAsync_successData *data) {
    struct connection *connection = context;
    emit("subscribed\t%s\t%d", connection->name, data->alt.qos);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *data) {
    struct connection *connection = context;
    (void)data;
    emit("subscribed\t%s\t%d", connection->name, SUBSCRIBE_REFUSED);
}

static void on_unsubscribed(void *context, MQTTAsync_successData *data) {
    struct connection *connection = context;
    (void)data;
    emit("unsubscribed\t%s", connection->name);
}

static void on_published(void *context, MQTTAsync_successData *data) {
    struct connection *connection = context;
    (void)data;
    emit("published\t%s", connection->name);
}

static void on_disconnected(void *context, MQTTAsync_successData *data) {
    struct connection *connection = context;
    (void)data;
    emit("disconnected\t%s", connection->name);
}

static struct connection *find(const char *name) {
    struct connection *connection = connections;
    while (connection && strcmp(connection->name, name) != 0)
        connection = connection->next;
    return connection;
}

static struct connection *add(const char *name) {
    struct connection *connection = calloc(1, sizeof *connection);
    connection->name = strdup(name);
    connection->next = connections;
    connections = connection;
    return connection;
}

/* Paho C spells TLS over TCP "ssl". */
static void server_uri(const char *url, char *uri, size_t size) {
    if (strncmp(url, "tls:", 4) == 0)
        snprintf(uri, size, "ssl:%s", url + 4);
    else
        snprintf(uri, size, "%s", url);
}

static int connect_client(char **fields) {
    struct connection *connection = add(fields[1]);
    char uri[256];
    char password[64];
    server_uri(fields[2], uri, sizeof uri);
    int rc = MQTTAsync_create(&connection->client, uri, fields[3], MQTTCLIENT_PERSISTENCE_NONE, NULL);
    if (rc != MQTTASYNC_SUCCESS)
        return rc;
    MQTTAsync_setCallbacks(connection->client, connection, on_lost, on_message, NULL);
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    options.cleansession = fields[4][0] == '1';
    options.keepAliveInterval = atoi(fields[5]);
    options.MQTTVersion = atoi(fields[6]);
    if (fields[7][0]) {
        options.username = fields[7];
        options.password = fields[8];
    }
    if (fields[9][0]) {
        sign(fields[9], fields[10], password);
        options.password = password;
    }
    if (fields[11][0]) {
        tls.trustStore = fields[11];
        tls.verify = 1;
        options.ssl = &tls;
    }
    options.onSuccess = on_connected;
    options.onFailure = on_connect_failed;
    options.context = connection;
    return MQTTAsync_connect(connection->client, &options);
}

static int publish(struct connection *connection, const char *topic, int qos, const char *hex) {
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    unsigned char *payload;
    int length = hex_decode(hex, &payload);
    options.onSuccess = on_published;
    options.context = connection;
    int rc = MQTTAsync_send(connection->client, topic, length, payload, qos, 0, &options);
    free(payload);
    return rc;
}

static int disconnect(struct connection *connection) {
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    options.timeout = 1000;
    options.onSuccess = on_disconnected;
    options.context = connection;
    return MQTTAsync_disconnect(connection->client, &options);
}

static int run(char **fields) {
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    if (strcmp(fields[0], "connect") == 0)
        return connect_client(fields);
    struct connection *connection = find(fields[1]);
    options.context = connection;
    if (strcmp(fields[0], "subscribe") == 0) {
        options.onSuccess = on_subscribed;
        options.onFailure = on_subscribe_failed;
        return MQTTAsync_subscribe(connection->client, fields[2], atoi(fields[3]), &options);
    }
    if (strcmp(fields[0], "unsubscribe") == 0) {
        options.onSuccess = on_unsubscribed;
        return MQTTAsync_unsubscribe(connection->client, fields[2], &options);
    }
    if (strcmp(fields[0], "publish") == 0)
        return publish(connection, fields[2], atoi(fields[3]), fields[4]);
    return disconnect(connection);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        char *fields[FIELDS_MAX] = {0};
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (int at = 0; at < FIELDS_MAX && rest; at++)
            fields[at] = strsep(&rest, "\t");
        int rc = run(fields);
        if (rc != MQTTASYNC_SUCCESS)
            emit("failed\t%s\t%d", fields[1], rc);
    }
    free(line);
    return EXIT_SUCCESS;
}
