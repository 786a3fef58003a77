"""The SDK calls of the product manual's Python program, with the manual's parameters.

The manual's program needs paho-mqtt 1.x. With LMQ_CA it takes the manual's TLS variant.
"""

import base64
import hmac
import os
import sys
import time
from hashlib import sha1

from paho.mqtt import client as mqtt

CLIENT_ID = os.environ["LMQ_CLIENT_ID"]
TOPIC = os.environ["LMQ_TOPIC"]


def on_connect(client, userdata, flags, rc):
    print("connected", rc, flush=True)


def on_message(client, userdata, msg):
    print("arrived", msg.topic, msg.payload.decode(), flush=True)


def on_disconnect(client, userdata, rc):
    if rc != 0:
        print("lost", rc, flush=True)


def on_log(client, userdata, level, text):
    print("log", level, text, file=sys.stderr)


# The manual signs the group with the secret and uses the access key as user name.
group = CLIENT_ID.split("@@@")[0]
password = base64.b64encode(hmac.new(os.environ["LMQ_SECRET_KEY"].encode(), group.encode(), sha1).digest()).decode()

client = mqtt.Client(CLIENT_ID, protocol=mqtt.MQTTv311, clean_session=True)
client.on_log = on_log
client.on_connect = on_connect
client.on_message = on_message
client.on_disconnect = on_disconnect
client.username_pw_set(os.environ["LMQ_ACCESS_KEY"], password)
if "LMQ_CA" in os.environ:
    client.tls_set(os.environ["LMQ_CA"])
client.connect(os.environ["LMQ_HOST"], int(os.environ["LMQ_PORT"]), 60)
client.subscribe(TOPIC, 0)
for number in range(1, 11):
    client.publish(TOPIC, str(number), qos=0)
    time.sleep(0.1)
client.loop_forever()
