// Command agent drives Paho Go by the line protocol described in ../README.md.
package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	connackCodeMax = 5
	quiesceMillis  = 250
	lineBytesMax   = 8 << 20
)

var output sync.Mutex

type connection struct {
	name   string
	client mqtt.Client
}

func main() {
	connections := map[string]*connection{}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineBytesMax)
	for input.Scan() {
		fields := strings.Split(input.Text(), "\t")
		if err := run(connections, fields); err != nil {
			emit("failed", fields[1], err.Error())
		}
	}
}

func run(connections map[string]*connection, fields []string) error {
	if fields[0] == "connect" {
		c := &connection{name: fields[1]}
		connections[c.name] = c
		return c.connect(fields[2:])
	}
	c := connections[fields[1]]
	switch fields[0] {
	case "subscribe":
		return c.subscribe(fields[2], fields[3])
	case "unsubscribe":
		await(c.client.Unsubscribe(fields[2]), c.name, func() { emit("unsubscribed", c.name) })
		return nil
	case "publish":
		return c.publish(fields[2], fields[3], fields[4])
	case "disconnect":
		c.client.Disconnect(quiesceMillis)
		emit("disconnected", c.name)
		return nil
	}
	return errors.New("unknown operation " + fields[0])
}

func (c *connection) connect(fields []string) error {
	keepAlive, err := strconv.Atoi(fields[3])
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(fields[4])
	if err != nil {
		return err
	}
	options := mqtt.NewClientOptions().
		AddBroker(fields[0]).
		SetClientID(fields[1]).
		SetCleanSession(fields[2] == "1").
		SetKeepAlive(time.Duration(keepAlive) * time.Second).
		SetProtocolVersion(uint(version)).
		SetAutoReconnect(false).
		SetConnectionLostHandler(func(mqtt.Client, error) { emit("lost", c.name) }).
		SetDefaultPublishHandler(c.arrived)
	if user, password, secret, text := fields[5], fields[6], fields[7], fields[8]; user != "" {
		if secret != "" {
			password = sign(secret, text)
		}
		options.SetUsername(user).SetPassword(password)
	}
	if fields[9] != "" {
		trust, err := trusting(fields[9])
		if err != nil {
			return err
		}
		options.SetTLSConfig(trust)
	}
	c.client = mqtt.NewClient(options)
	go c.report(c.client.Connect().(*mqtt.ConnectToken))
	return nil
}

func (c *connection) report(token *mqtt.ConnectToken) {
	token.Wait()
	code := token.ReturnCode()
	switch {
	case token.Error() == nil:
		emit("connected", c.name, flag(token.SessionPresent()))
	case code > 0 && code <= connackCodeMax:
		emit("refused", c.name, strconv.Itoa(int(code)))
	default:
		emit("failed", c.name, token.Error().Error())
	}
}

func (c *connection) subscribe(filter, qos string) error {
	level, err := strconv.Atoi(qos)
	if err != nil {
		return err
	}
	token := c.client.Subscribe(filter, byte(level), nil).(*mqtt.SubscribeToken)
	go func() {
		token.Wait()
		emit("subscribed", c.name, strconv.Itoa(int(token.Result()[filter])))
	}()
	return nil
}

func (c *connection) publish(topic, qos, payload string) error {
	level, err := strconv.Atoi(qos)
	if err != nil {
		return err
	}
	body, err := hex.DecodeString(payload)
	if err != nil {
		return err
	}
	await(c.client.Publish(topic, byte(level), false, body), c.name, func() { emit("published", c.name) })
	return nil
}

func (c *connection) arrived(_ mqtt.Client, message mqtt.Message) {
	qos := strconv.Itoa(int(message.Qos()))
	emit("message", c.name, message.Topic(), qos, hex.EncodeToString(message.Payload()))
}

func await(token mqtt.Token, name string, done func()) {
	go func() {
		if token.Wait(); token.Error() != nil {
			emit("failed", name, token.Error().Error())
			return
		}
		done()
	}()
}

func sign(secret, text string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func trusting(caFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}, nil
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}

func emit(fields ...string) {
	output.Lock()
	defer output.Unlock()
	fmt.Println(strings.Join(fields, "\t"))
}
