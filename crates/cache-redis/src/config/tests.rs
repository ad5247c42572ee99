use proptest::prelude::*;

use super::*;

#[track_caller]
fn parse(url: &str) -> Endpoint {
    Endpoint::parse(url).unwrap()
}

#[track_caller]
fn refuses(url: &str, part: &str) {
    let error = Endpoint::parse(url).unwrap_err();
    assert_eq!(error.field(), "endpoint");
    assert!(error.to_string().contains(part), "{error}");
}

fn host(name: &str, port: u16) -> Host {
    Host {
        name: name.to_owned(),
        port,
    }
}

#[test]
fn one_server() {
    let endpoint = parse("redis://localhost:6379/0");
    assert_eq!(endpoint, Endpoint::from(EndpointParts::default()));
    assert_eq!(parse("redis://localhost"), endpoint);
    assert_eq!(parse("valkey://localhost/"), endpoint);

    let endpoint = parse("rediss://me:p%40ss%2Fword@[::1]:7000/15");
    assert_eq!(endpoint.topology, Topology::Single(host("::1", 7000)));
    assert!(endpoint.tls);
    assert_eq!(endpoint.username.as_deref(), Some("me"));
    assert_eq!(endpoint.password.as_ref().map(Secret::expose), Some("p@ss/word"));
    assert_eq!(endpoint.database, 15);
    assert_eq!(parse("redis://:secret@h").username, None);
}

#[test]
fn a_unix_socket() {
    let endpoint = parse("unix:///run/redis.sock?db=3");
    assert_eq!(endpoint.topology, Topology::Unix("/run/redis.sock".into()));
    assert_eq!(endpoint.database, 3);
    refuses("unix://", "path");
}

#[test]
fn many_servers() {
    let endpoint = parse("redis-sentinel://:pw@a/2?sentinelServiceName=main&node=b:1&node=c&sentinelPassword=s");
    assert_eq!(
        endpoint.topology,
        Topology::Sentinel {
            nodes: vec![host("a", 26379), host("b", 1), host("c", 26379)],
            service: "main".to_owned(),
            username: None,
            password: Some(Secret::new("s")),
        }
    );
    assert_eq!(endpoint.database, 2);
    refuses("redis-sentinel://a", "sentinelServiceName");

    let endpoint = parse("rediss-cluster://a:1?node=b:2");
    assert_eq!(endpoint.topology, Topology::Cluster(vec![host("a", 1), host("b", 2)]));
}

#[test]
fn nonsense_is_named() {
    refuses("", "not a URL");
    refuses("localhost:6379", "scheme");
    refuses("http://localhost", "scheme");
    refuses("redis://", "host");
    refuses("redis://h/many", "database");
    refuses("redis://h/256", "database");
}

#[test]
fn no_debug_shows_a_password() {
    let config = RedisConfig::from_url("redis-sentinel://u:hunter2@a?sentinelServiceName=m&sentinelPassword=hunter3");
    let shown = format!("{config:?}");
    assert!(shown.contains("***") && !shown.contains("hunter"), "{shown}");
    let error = RedisConfig::from_url("redis://u:hunter2@h:port/1").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter"));
}

#[track_caller]
fn invalid(change: impl FnOnce(&mut RedisConfig), field: &str) {
    let mut config = RedisConfig::new(EndpointParts::default());
    assert_eq!(config.check(), Ok(()));
    change(&mut config);
    assert_eq!(config.check().unwrap_err().field(), field);
}

#[test]
fn each_error_names_its_field() {
    invalid(|config| config.max_connections = 1, "max_connections");
    invalid(|config| config.command_timeout = Duration::ZERO, "command_timeout");
    invalid(|config| config.lease_term = Duration::from_millis(1), "lease_term");
    invalid(|config| config.key_prefix = "{x}".to_owned(), "key_prefix");
    invalid(|config| config.journal_bound = 0, "journal_bound");
    invalid(|config| config.max_queued = 0, "max_queued");
    invalid(|config| config.breaker.failures = 0, "breaker.failures");
    invalid(
        |config| {
            config.endpoint.topology = Topology::Cluster(vec![host("a", 1)]);
            config.endpoint.database = 1;
        },
        "endpoint.database",
    );
}

proptest! {
    #[test]
    fn any_text_parses_to_something(text in "\\PC*") {
        let _either = Endpoint::parse(&text);
    }

    #[test]
    fn nearly_good_text_parses_to_something(
        text in "(redis|rediss|unix|redis-sentinel|redis-cluster)://(u?:?[a-z%@:]{0,8}@)?[a-z0-9\\[\\]:.%]{0,12}(:[0-9]{0,6})?/?[0-9a-z]{0,4}(\\?[a-zA-Z=&:%0-9]{0,30})?",
    ) {
        let _either = Endpoint::parse(&text);
    }
}
