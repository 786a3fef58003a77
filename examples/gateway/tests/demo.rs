//! The demo instance: random credentials, for this machine only.

mod common;

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use common::{Gateway, Place, assert_refused, http_get, mqtt_connect, output, skip_without, text};

const PORT: [&str; 2] = ["--mqtt", "127.0.0.1:0"];

/// What a gateway prints of its demo instance.
struct Demo {
    access_key: String,
    secret_key: String,
    stdout: String,
}

impl Demo {
    fn of(gateway: Gateway) -> Self {
        let (status, stdout, stderr) = gateway.stop();
        assert_eq!(status.code(), Some(0), "{stderr}");
        let value = |name: &str| {
            let line = stdout.lines().find_map(|line| line.trim_start().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {stdout}")).trim().to_owned()
        };
        Self { access_key: value("access key"), secret_key: value("secret key"), stdout }
    }
}

#[test]
fn what_is_printed() {
    let place = Place::new();
    let gateway = place.start(PORT);
    let port = gateway.addr("mqtt").port();
    let demo = Demo::of(gateway);
    let sign = |client_id: &str| {
        let keys = ["--access-key", &demo.access_key, "--secret-key", &demo.secret_key];
        let output = place.run(["sign", "--client-id", client_id].iter().chain(&keys));
        let printed = text(&output.stdout).to_owned();
        let (username, password) = printed.trim_end().split_once("\npassword ").unwrap();
        format!("-u '{}' -P '{password}'", username.strip_prefix("username ").unwrap())
    };
    let (subscriber, publisher) = (sign("GID_Test@@@0001"), sign("GID_Test@@@0002"));
    assert_eq!(
        demo.stdout,
        format!(
            "\nDemo instance mqtt-cn-demo0001, for this machine only; credentials kept in ./lmq-data:\n\
             \x20 access key  {}\n  secret key  {}\n\
             \x20 groups      GID_Test GID_AAA GID_XXX GID_mqttdelay3 GID_teacher GID_student\n\
             \x20 topics      TopicA TopicB Topic MQTTTestTopic room roomSend\n\
             \nReceive, in one terminal:\n\
             \x20 mosquitto_sub -h 127.0.0.1 -p {port} -V mqttv311 -i GID_Test@@@0001 {subscriber} -q 1 -v -t 'TopicA/#'\n\
             Send, in another:\n\
             \x20 mosquitto_pub -h 127.0.0.1 -p {port} -V mqttv311 -i GID_Test@@@0002 {publisher} -q 1 -t TopicA/notice -m hello\n",
            demo.access_key, demo.secret_key
        )
    );
    assert!(demo.access_key.starts_with("DEMO") && demo.access_key.len() == 20, "{}", demo.access_key);
    assert_eq!(demo.secret_key.len(), 30);
}

#[test]
fn random_for_each_directory_and_stable_in_it() {
    let place = Place::new();
    let of = |dir: &str| Demo::of(place.start(PORT.iter().chain(&["--data", dir])));
    let (first, again, other) = (of("a"), of("a"), of("b"));
    assert_eq!((&first.access_key, &first.secret_key), (&again.access_key, &again.secret_key));
    assert_ne!(first.access_key, other.access_key);
    assert_ne!(first.secret_key, other.secret_key);
}

#[test]
fn in_memory_they_are_new_at_every_start() {
    let place = Place::new();
    let of = || Demo::of(place.start(PORT.iter().chain(&["--memory"])));
    let (first, second) = (of(), of());
    assert_ne!(first.secret_key, second.secret_key);
    assert!(first.stdout.contains("credentials until this process ends:"), "{}", first.stdout);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn of_gateways_that_start_together_one_has_the_folder() {
    let place = Place::new();
    let mut gateways: Vec<_> =
        (0..8).map(|_| place.command(PORT).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    let mut refused = Vec::new();
    while refused.len() < 7 {
        thread::sleep(Duration::from_millis(10));
        let ended = gateways.iter_mut().position(|gateway| gateway.try_wait().unwrap().is_some());
        refused.extend(ended.map(|ended| gateways.remove(ended).wait_with_output().unwrap()));
    }
    for output in refused {
        assert_refused(&output, "./lmq-data is in use by another gateway; give each its own --data");
    }
    let mut last = gateways.pop().unwrap();
    assert!(last.try_wait().unwrap().is_none(), "the eighth serves");
    last.kill().unwrap();
    last.wait().unwrap();
    let again = Demo::of(place.start(PORT));
    let names = fs::read_dir(place.path().join("lmq-data")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    assert_eq!(names, ["demo.toml", "registry.redb", "store.redb"], "no other file is left behind");
    assert_eq!(again.secret_key, Demo::of(place.start(PORT)).secret_key);
}

#[test]
fn never_in_logs() {
    let place = Place::new();
    for format in ["text", "json"] {
        let mut gateway = place.start(PORT.iter().chain(&["--log-level", "trace", "--log-format", format]));
        let line = gateway.line("mosquitto_sub");
        let quoted: Vec<_> = line.split('\'').collect();
        let (username, password) = (quoted[1], quoted[3]);
        let addr = gateway.addr("mqtt");
        let code = |client_id, password| mqtt_connect(addr, client_id, Some((username, password))).1;
        assert_eq!(code("GID_Test@@@0001", password), 0);
        assert_eq!(code("GID_Test@@@0002", password), 4, "the password is that of another client");
        let (_, _, stderr) = gateway.stop();
        assert!(stderr.contains("started"), "{stderr}");
        let keys = fs::read_to_string(place.path().join("lmq-data/demo.toml")).unwrap();
        let secrets = keys.split('"').skip(1).step_by(2).chain([password]);
        for secret in secrets {
            assert!(!stderr.contains(secret), "{stderr}");
        }
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    Demo::of(place.start(PORT));
    let (folder, file) = (place.path().join("lmq-data"), place.path().join("lmq-data/demo.toml"));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    place.refused(PORT, "./lmq-data/demo.toml has mode 0644 and must have 0600; delete it to get new credentials");
}

#[test]
fn a_damaged_file() {
    let place = Place::new();
    Demo::of(place.start(PORT));
    let path = place.path().join("lmq-data/demo.toml");
    let good = fs::read_to_string(&path).unwrap();
    let quoted = good.replace("DEMO", "DE'MO");
    for content in ["", "access-key = 1\nsecret-key = 2\n", &good[..good.len() / 2], &quoted] {
        fs::write(&path, content).unwrap();
        place.refused(PORT, "./lmq-data/demo.toml is damaged; delete it to get new credentials");
    }
}

#[test]
fn refused_off_loopback() {
    let place = Place::new();
    let why = "the demo instance is served on loopback only; configure an [[instance]] to listen here";
    place.refused(["--mqtt", "0.0.0.0:0"], &format!("--mqtt: {why}"));
    place.refused(["--mqtt", "127.0.0.1:0", "--ws", "[::]:0"], &format!("--ws: {why}"));
    place.refused(["--http", "0.0.0.0:0", "--memory"], &format!("--http: {why}"));
    place.refused(["--profile", "mqtt", "--mqtt", "0.0.0.0:0"], &format!("--mqtt: {why}"));
    assert_refused(
        &output(place.command([""; 0]).env("LMQ_MQTT", "127.0.0.1:0,192.0.2.1:1883")),
        &format!("LMQ_MQTT: {why}"),
    );
    place.file("gateway.toml", "[listeners]\nmqtt = \"0.0.0.0:1883\"\n");
    place.refused(["--config", "gateway.toml"], &format!("gateway.toml:2: {why}"));
    place.refused(["check", "--config", "gateway.toml"], &format!("gateway.toml:2: {why}"));
    assert!(!place.path().join("lmq-data").exists(), "no credentials are made");
}

#[test]
fn a_configured_instance_or_anonymous_clients_have_no_demo() {
    let place = Place::new();
    place.file(
        "gateway.toml",
        "[[instance]]\nid = \"a\"\n[[instance.account]]\naccess-key = \"A\"\nsecret-key = \"S3cret\"\n",
    );
    let configured = place.start(["--mqtt", "0.0.0.0:0", "--config", "gateway.toml"]);
    assert_eq!(configured.stop().1, "");
    let anonymous = place.start(["--mqtt", "0.0.0.0:0", "--profile", "mqtt", "--allow-anonymous"]);
    assert!(!anonymous.stop().1.contains("Demo"));
    assert!(!place.path().join("lmq-data/demo.toml").exists());
}

#[test]
fn the_printed_lines_work_when_pasted() {
    for base in [&[] as &[&str], &["--profile", "mqtt", "--allow-anonymous"]] {
        let place = Place::new();
        let ports = ["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--memory"];
        let mut gateway = place.start(ports.iter().chain(base));
        let (subscribe, publish) = (gateway.line("mosquitto_sub"), gateway.line("mosquitto_pub"));
        if !Command::new("sh").args(["-c", "command -v mosquitto_sub mosquitto_pub"]).status().unwrap().success() {
            return skip_without("the mosquitto clients");
        }
        let shell = |line: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", line]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let subscriber = shell(&format!("{subscribe} -C 1 -W 30"));
        let http = gateway.addr("http");
        while !http_get(http, "/metrics").contains("\nlmq_subscriptions 1\n") {
            thread::sleep(Duration::from_millis(10));
        }
        let published = shell(&publish).wait_with_output().unwrap();
        assert!(published.status.success(), "{}", text(&published.stderr));
        let received = subscriber.wait_with_output().unwrap();
        assert_eq!(text(&received.stdout), "TopicA/notice hello\n", "{}", text(&received.stderr));
    }
}
