/* The SDK calls of the product manual's C program, with the manual's parameters. */
#define _GNU_SOURCE
#include <MQTTAsync.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGES = 3, QOS = 1 };

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message) {
    (void)context;
    (void)topic_length;
    printf("arrived %s %.*s\n", topic, message->payloadlen, (char *)message->payload);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_lost(void *context, char *cause) {
    (void)context;
    printf("lost %s\n", cause ? cause : "");
}

static void on_subscribed(void *context, MQTTAsync_successData *data) {
    (void)context;
    printf("subscribed %d\n", data->alt.qos);
}

static void on_connected(void *context, MQTTAsync_successData *data) {
    MQTTAsync client = context;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    (void)data;
    puts("connected");
    options.onSuccess = on_subscribed;
    if (MQTTAsync_subscribe(client, getenv("LMQ_TOPIC"), 1, &options) != MQTTASYNC_SUCCESS)
        puts("failed to subscribe");
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data) {
    (void)context;
    printf("failed to connect %d\n", data ? data->code : -1);
}

static void on_published(void *context, MQTTAsync_successData *data) {
    (void)context;
    (void)data;
    puts("published");
}

/* The manual signs the group with the secret and uses the access key as user name. */
static void sign_group(const char *client_id, char *password) {
    const char *secret = getenv("LMQ_SECRET_KEY");
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    size_t group = (size_t)(strstr(client_id, "@@@") - client_id);
    HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)client_id, group, digest, &length);
    EVP_EncodeBlock((unsigned char *)password, digest, (int)length);
}

static int start(MQTTAsync client, const char *password) {
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.keepAliveInterval = 60;
    options.cleansession = 0;
    options.username = getenv("LMQ_ACCESS_KEY");
    options.password = password;
    options.onSuccess = on_connected;
    options.onFailure = on_connect_failed;
    options.context = client;
    options.ssl = NULL;
    options.automaticReconnect = 1;
    options.connectTimeout = 3;
    return MQTTAsync_connect(client, &options);
}

static void send_all(MQTTAsync client) {
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    char payload[] = "hello mqtt demo";
    options.onSuccess = on_published;
    for (int sent = 0; sent < MESSAGES;) {
        if (MQTTAsync_send(client, getenv("LMQ_TOPIC"), (int)strlen(payload), payload, QOS, 0, &options) == MQTTASYNC_SUCCESS)
            sent++;
        usleep(100000);
    }
}

int main(void) {
    MQTTAsync client;
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    char password[64];
    setvbuf(stdout, NULL, _IOLBF, 0);
    options.sendWhileDisconnected = 0;
    options.maxBufferedMessages = 10;
    sign_group(getenv("LMQ_CLIENT_ID"), password);
    MQTTAsync_createWithOptions(
        &client, getenv("LMQ_URL"), getenv("LMQ_CLIENT_ID"), MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    MQTTAsync_setCallbacks(client, client, on_lost, on_message, NULL);
    if (start(client, password) != MQTTASYNC_SUCCESS)
        return EXIT_FAILURE;
    send_all(client);
    pause();
    return EXIT_SUCCESS;
}
