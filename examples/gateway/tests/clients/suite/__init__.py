"""Real, unmodified MQTT clients against a built gateway. See ../README.md."""
