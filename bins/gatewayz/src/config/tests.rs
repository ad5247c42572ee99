//! Every rule of the configuration, without the environment of the process.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

use gatewayz_cache_redis::{RedisConfig, Topology, ValueFormat};
use gatewayz_providers::Registry;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::{
    reference::EXAMPLE,
    table::{Initial, PROVIDER_FIELDS, SECTIONS, SETTINGS},
    value::{Kind, Plain, Value, ms, show_bytes, show_duration},
    *,
};

/// Distinctive, long enough for a key, and nobody's.
const CANARY: &str = "canary4f1d9c27b80e";

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn sources(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    Sources {
        flags: texts(flags),
        environment: texts(environment),
        file: Some(FileText {
            path: "gatewayz.toml".into(),
            text: file.to_owned(),
        }),
    }
}

#[track_caller]
fn load(file: &str, environment: &[(&str, &str)]) -> Loaded {
    Config::load(&sources(file, environment, &[])).unwrap()
}

#[track_caller]
fn refused(file: &str, environment: &[(&str, &str)]) -> String {
    Config::load(&sources(file, environment, &[])).unwrap_err().to_string()
}

/// The one thing that is wrong is said in these words.
#[track_caller]
fn check_refused(file: &str, environment: &[(&str, &str)], words: &[&str]) {
    let error = Config::load(&sources(file, environment, &[])).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word} is not in: {error}");
    }
}

#[track_caller]
fn shown(loaded: &Loaded, path: &str) -> (String, String) {
    let shown = loaded.show();
    let row: &Row = shown.rows.iter().find(|row| row.path == path).unwrap();
    (row.value.clone(), row.origin.to_string())
}

#[test]
fn nothing_said_is_the_default() {
    let Loaded {
        config,
        warnings,
        origins,
        ..
    } = Config::load(&Sources::default()).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert!(origins.values().all(|origin| *origin == Origin::Default));
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.server.max_connections, 16384);
    assert_eq!(config.server.header_timeout, ms(10_000));
    assert_eq!(config.server.body_timeout, ms(30_000));
    assert_eq!(config.server.idle_timeout, ms(75_000));
    assert_eq!(config.server.request_timeout, ms(55_000));
    assert_eq!(config.server.drain_timeout, ms(25_000));
    assert_eq!(
        (config.server.max_header_bytes, config.server.max_body_bytes),
        (32 << 10, 16 << 20)
    );
    let Concurrency { limit, queue, wait } = config.server.concurrency;
    assert_eq!((limit, queue, wait), (256, 1024, ms(10_000)));
    assert!(config.server.tls.is_none() && config.server.cors_origins.is_empty() && !config.server.overhead_header);
    assert!(config.admin.key.is_none() && config.admin.key_secret.is_none() && config.admin.listen.is_none());
    assert!(!config.admin.open && config.redis.is_none() && config.metrics);
    let store = format!("{:?}", config.store);
    assert!(
        store.contains("sqlite:gatewayz.db") && store.contains("connections: 4"),
        "{store}"
    );
    assert!(config.cache.enabled && config.cache.warm_on_startup && config.cache.full_ttl.is_none());
    assert_eq!(
        (config.cache.warm_timeout, config.cache.first_refresh),
        (ms(30_000), ms(120_000))
    );
    assert_eq!(config.cache.refresh_interval, ms(840_000));
    assert_eq!(
        (config.cache.snapshot_memory, config.cache.page_memory),
        (256 << 20, 8 << 20)
    );
    assert_eq!(config.cache.unknown_gateway, UnknownGateway::Error);
    assert!(config.sync.enabled && !config.sync.on_startup && config.sync.seed);
    assert_eq!(config.sync.interval, ms(1_800_000));
    assert_eq!(
        config.sync.skip.iter().map(Slug::as_str).collect::<Vec<_>>(),
        ["featherless"]
    );
    assert_eq!(
        (config.log.format, config.log.filter.as_str()),
        (LogFormat::Readable, "info")
    );
    assert!(config.providers.private_hosts.is_empty());
}

#[test]
fn redis_defaults_are_those_of_its_crate() {
    let redis = load("[redis]\nhost = \"cache\"", &[]).config.redis.unwrap();
    let usual = RedisConfig::new(redis.endpoint.clone());
    assert_eq!(format!("{redis:?}"), format!("{usual:?}"));
}

/// A value that is not the default, as the environment would have it.
fn sample(setting: &table::Setting) -> (String, String) {
    let text = match (setting.path, setting.kind) {
        ("database.url", _) => "sqlite://other.db".to_owned(),
        ("redis.url", _) => "redis://other:7000/3".to_owned(),
        ("sync.skip", _) => "groq".to_owned(),
        ("server.cors_origins", _) => "https://a.example".to_owned(),
        ("log.filter", _) => "warn".to_owned(),
        ("traces.endpoint", _) => "http://collector:4318".to_owned(),
        (_, Kind::Address) => "127.0.0.1:9999".to_owned(),
        (_, Kind::Count(least, _)) => (least + 7).to_string(),
        (_, Kind::Duration(least, _)) => format!("{}ms", least + 7000),
        (_, Kind::Bytes(least, _)) => format!("{}B", least + 7),
        (_, Kind::Bool | Kind::Switch) => (!matches!(setting.default, Initial::Is("true"))).to_string(),
        (_, Kind::Word(words)) => words[1].to_owned(),
        (_, Kind::Secret(_)) => CANARY.to_owned(),
        (_, Kind::Text | Kind::List | Kind::Path | Kind::Url) => "other".to_owned(),
    };
    let toml = match setting.kind {
        Kind::Count(..) | Kind::Bool | Kind::Switch => text.clone(),
        Kind::List => format!("[\"{text}\"]"),
        _ => format!("\"{text}\""),
    };
    (text, toml)
}

#[test]
fn every_setting_reaches_its_field_from_every_source() {
    // What else must be there for one of them to count.
    let beside = |path: &str| match path {
        "server.tls_certificate" => Some("server.tls_key"),
        "server.tls_key" => Some("server.tls_certificate"),
        path if path.starts_with("redis.") && path != "redis.url" && path != "redis.host" => Some("redis.host"),
        _ => None,
    };
    // A file that asks for traces is refused by a build that has none.
    let can = |setting: &&table::Setting| cfg!(feature = "traces") || setting.path != "traces.endpoint";
    for setting in SETTINGS.iter().filter(can) {
        let (text, toml) = sample(setting);
        let mut flags = BTreeMap::new();
        if let Some(other) = beside(setting.path) {
            flags.insert(other.to_owned(), "beside".to_owned());
        }
        // Without Redis nothing is visible of turning it off.
        if setting.path == "redis.enabled" {
            flags.insert("redis.host".to_owned(), "beside".to_owned());
        }
        let with = |file: String, environment: &[(&str, &str)], flag: Option<&str>| {
            let mut sources = sources(&file, environment, &[]);
            sources.flags = flags.clone();
            sources
                .flags
                .extend(flag.map(|text| (setting.path.to_owned(), text.to_owned())));
            Config::load(&sources).unwrap_or_else(|error| panic!("{}: {error}", setting.path))
        };
        let (section, key) = setting.parts();
        let mut seen = vec![
            with(format!("[{section}]\n{key} = {toml}"), &[], None),
            with(String::new(), &[], Some(&text)),
        ];
        for (variable, _) in setting.variables {
            seen.push(with(String::new(), &[(variable, &text)], None));
        }
        let plain = |config: &Config| {
            let Config {
                server,
                admin,
                store,
                redis,
                cache,
                sync,
                log,
                metrics,
                traces,
                ..
            } = config;
            format!("{server:?}{admin:?}{store:?}{redis:?}{cache:?}{sync:?}{log:?}{metrics:?}{traces:?}")
        };
        let untouched = match setting.path.starts_with("server.tls_") {
            true => plain(&load("", &[]).config),
            false => plain(&with(String::new(), &[], None).config),
        };
        for loaded in &seen {
            assert_eq!(plain(&loaded.config), plain(&seen[0].config), "{}", setting.path);
            assert_ne!(plain(&loaded.config), untouched, "{} has no effect", setting.path);
        }
        let origins: Vec<String> = seen.iter().map(|loaded| shown(loaded, setting.path).1).collect();
        assert_eq!(origins[..2], ["file gatewayz.toml:2", "flag"]);
        for (origin, (variable, _)) in origins[2..].iter().zip(setting.variables) {
            assert_eq!(*origin, format!("environment {variable}"));
        }
    }
}

#[test]
fn the_table_is_in_order() {
    for (at, setting) in SETTINGS.iter().enumerate() {
        assert!(
            SECTIONS.iter().any(|(section, _)| *section == setting.parts().0),
            "{}",
            setting.path
        );
        assert!(
            !SETTINGS[..at].iter().any(|other| other.path == setting.path),
            "{}",
            setting.path
        );
        assert!(
            setting.help.ends_with('.') && !setting.help.contains('|'),
            "{}",
            setting.path
        );
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "[server]\nconcurrency_limit = 1\nmax_connections = 2";
    let environment = [("CONCURRENCY_LIMIT", "3")];
    let flags = [("server.concurrency_limit", "4")];
    let loaded = load(file, &environment);
    assert_eq!(loaded.config.server.concurrency.limit, 3);
    assert_eq!(loaded.config.server.max_connections, 2);
    let loaded = Config::load(&sources(file, &environment, &flags)).unwrap();
    assert_eq!(loaded.config.server.concurrency.limit, 4);
    assert_eq!(
        shown(&loaded, "server.max_connections"),
        ("2".to_owned(), "file gatewayz.toml:3".to_owned())
    );
}

#[test]
fn plain_numbers_of_variables_count_what_they_always_did() {
    let config = load(
        "",
        &[
            ("MODEL_CACHE_TTL", "900"),
            ("CONCURRENCY_QUEUE_TIMEOUT", "10.5"),
            ("MODEL_SYNC_INTERVAL_MINUTES", "45"),
            ("REDIS_HOST", "cache"),
            ("REDIS_SOCKET_TIMEOUT", "3"),
            ("REDIS_SOCKET_CONNECT_TIMEOUT", "250ms"),
        ],
    )
    .config;
    assert_eq!(config.cache.full_ttl, Some(ms(900_000)));
    assert_eq!(config.server.concurrency.wait, ms(10_500));
    assert_eq!(config.sync.interval, ms(45 * 60_000));
    let redis = config.redis.unwrap();
    assert_eq!((redis.socket_timeout, redis.connect_timeout), (ms(3000), ms(250)));
    assert_eq!(
        load("", &[("MODEL_SYNC_INTERVAL_HOURS", "6")]).config.sync.interval,
        ms(6 * 3_600_000)
    );
}

#[test]
fn two_variables_of_one_setting_must_agree() {
    let same = [
        ("MODEL_SYNC_INTERVAL_MINUTES", "120"),
        ("MODEL_SYNC_INTERVAL_HOURS", "2"),
    ];
    assert_eq!(load("", &same).config.sync.interval, ms(2 * 3_600_000));
    let differ = [
        ("MODEL_SYNC_INTERVAL_MINUTES", "30"),
        ("MODEL_SYNC_INTERVAL_HOURS", "6"),
    ];
    check_refused(
        "",
        &differ,
        &["MODEL_SYNC_INTERVAL_MINUTES", "MODEL_SYNC_INTERVAL_HOURS", "30m", "6h"],
    );
}

#[test]
fn times_and_sizes_of_the_file_need_units() {
    for value in ["15", "1.5", "\"15\""] {
        let file = format!("[server]\nbody_timeout = {value}");
        check_refused(
            &file,
            &[],
            &["gatewayz.toml:2", "server.body_timeout", "`ms`, `s`, `m`, `h`, `d`"],
        );
    }
    check_refused("[server]\nmax_body_bytes = 1024", &[], &["`B`, `KiB`, `MiB`, `GiB`"]);
    check_refused(
        "[server]\nmax_body_bytes = \"1024\"",
        &[],
        &["`B`, `KiB`, `MiB`, `GiB`"],
    );
    check_refused("[server]\nmax_body_bytes = \"1MB\"", &[], &["no size"]);
    check_refused("[server]\nmax_header_bytes = \"1KiB\"", &[], &["write 4KiB to 256KiB"]);
    check_refused(
        "[server]\nbody_timeout = \"0.0001s\"",
        &[],
        &["no time in whole milliseconds"],
    );
    check_refused("[sync]\ninterval = \"59s\"", &[], &["write 1m to 30d"]);
    let flag = Config::load(&sources("", &[], &[("server.body_timeout", "15")])).unwrap_err();
    assert!(flag.to_string().contains("flag: `server.body_timeout`"), "{flag}");
    assert_eq!(
        load("[server]\nbody_timeout = \"1.5m\"", &[])
            .config
            .server
            .body_timeout,
        ms(90_000)
    );
}

#[test]
fn yes_and_no_are_words_of_a_closed_set() {
    for (text, yes) in [
        ("true", true),
        ("1", true),
        ("YES", true),
        ("on", true),
        ("False", false),
        ("0", false),
        ("no", false),
        ("off", false),
    ] {
        assert_eq!(load("", &[("PROMETHEUS_ENABLED", text)]).config.metrics, yes);
    }
    for text in ["2", "y", "enabled", ""] {
        check_refused(
            "",
            &[("PROMETHEUS_ENABLED", text)],
            &["PROMETHEUS_ENABLED", "`true` or `false`"],
        );
    }
    check_refused("[metrics]\nenabled = \"true\"", &[], &["without quotes"]);
    let file = "[redis]\nhost = \"h\"\ncompression = \"off\"\nvalue_format = \"plain\"";
    let redis = load(file, &[]).config.redis.unwrap();
    assert!(!redis.compression && redis.value_format == ValueFormat::Plain);
}

#[test]
fn empty_variables_are_not_set_and_empty_lists_are_empty() {
    let config = load(
        "",
        &[("ADMIN_API_KEY", " \n"), ("REDIS_URL", ""), ("GATEWAYZ_LISTEN", "")],
    )
    .config;
    assert!(config.admin.key.is_none() && config.redis.is_none());
    assert_eq!(load("", &[("MODEL_SYNC_SKIP_PROVIDERS", "")]).config.sync.skip, []);
}

#[test]
fn what_is_not_known_is_an_error_with_a_suggestion() {
    check_refused(
        "[server]\nlisten_ = \"x\"",
        &[],
        &["gatewayz.toml:2", "did you mean `server.listen`?"],
    );
    check_refused("[sever]\nlisten = \"x\"", &[], &["did you mean `server`?"]);
    check_refused("listen = \"x\"", &[], &["did you mean `server.listen`?"]);
    check_refused(
        "[cache]\nkey_prefix = \"x\"",
        &[],
        &["did you mean `redis.key_prefix`?"],
    );
    check_refused(
        "",
        &[("GATEWAYZ_LISTN", "x")],
        &["GATEWAYZ_LISTN", "did you mean `GATEWAYZ_LISTEN`?"],
    );
    check_refused("[log]\nformat = \"jsn\"", &[], &["did you mean `json`?"]);
    check_refused(
        "[sync]\nskip = [\"opnai\"]",
        &[],
        &["gatewayz.toml:2", "did you mean `openai`?"],
    );
    let flag = Config::load(&sources("", &[], &[("server.lisen", "x")])).unwrap_err();
    assert!(flag.to_string().contains("did you mean `server.listen`?"), "{flag}");
}

#[test]
fn other_variables_are_nobodys_business() {
    load(
        "",
        &[
            ("GATEWAYZ_CONFIG", "x"),
            ("GATEWAYZ_URL", "x"),
            ("SUPABASE_URL", "x"),
            ("APP_ENV", "x"),
            ("PATH", "x"),
            // Kubernetes, beside services that are called `gatewayz` and `gatewayz-admin`.
            ("GATEWAYZ_SERVICE_HOST", "10.0.0.1"),
            ("GATEWAYZ_SERVICE_PORT_HTTP", "80"),
            ("GATEWAYZ_PORT", "tcp://10.0.0.1:80"),
            ("GATEWAYZ_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("GATEWAYZ_ADMIN_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ],
    );
    assert_eq!(
        load("", &[("REDIS_HOST", "h"), ("REDIS_PORT", "tcp://10.0.0.1:6379")])
            .warnings
            .len(),
        1
    );
    check_refused("", &[("GATEWAYZ_PORT", "80")], &["GATEWAYZ_PORT"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let file = "[server]\nlisten = \"nowhere\"\nworkers = 0\nbody_timeout = 15\nlisten_backlog = 5\n\
                [providers.opnai]\nenabled = false\n[providers.groq]\ncolour = \"red\"\n[log]\nfilter = \"\"";
    let environment = [
        ("CONCURRENCY_LIMIT", "many"),
        ("GATEWAYZ_SED", "1"),
        ("DATABASE_URL", "mysql://h/d"),
        ("REDIS_URL", "http://h"),
    ];
    let error = Config::load(&sources(file, &environment, &[("nothing", "1")])).unwrap_err();
    let text = error.to_string();
    for word in [
        "gatewayz.toml:2: `server.listen`",
        "gatewayz.toml:3: `server.workers`",
        "gatewayz.toml:4: `server.body_timeout`",
        "gatewayz.toml:5: `server.listen_backlog`",
        "gatewayz.toml:6: `providers.opnai` is no provider; did you mean `openai`?",
        "gatewayz.toml:9: `providers.groq.colour` is not known; did you mean `color`?",
        "gatewayz.toml:11: `log.filter`",
        "environment CONCURRENCY_LIMIT: `server.concurrency_limit` is `many`",
        "`GATEWAYZ_SED` is not known; did you mean `GATEWAYZ_SEED`?",
        "environment DATABASE_URL: `database.url`",
        "environment REDIS_URL: `redis.url`",
        "flag: `nothing`",
    ] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    assert_eq!(error.problems().len(), 12, "{text}");
    let places: Vec<usize> = (2..=11)
        .filter_map(|line| text.find(&format!("gatewayz.toml:{line}:")))
        .collect();
    assert!(places.is_sorted() && places.len() == 7, "{text}");
    let unknown = |problem: &&Problem| matches!(problem.fault, Fault::Unknown { .. });
    assert_eq!(error.problems().iter().filter(unknown).count(), 4, "{text}");
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let text = refused("[server]\nlisten = 127.0.0.1\n[log", &[]);
    assert!(
        text.contains("gatewayz.toml:2:") && text.contains("gatewayz.toml:3:"),
        "{text}"
    );
}

#[test]
fn the_port_alone_keeps_the_host() {
    let listen = |file: &str, environment: &[(&str, &str)]| load(file, environment).config.server.listen.to_string();
    assert_eq!(listen("", &[("PORT", "9000")]), "127.0.0.1:9000");
    assert_eq!(
        listen("[server]\nlisten = \"[::1]:80\"", &[("PORT", "9000")]),
        "[::1]:9000"
    );
    assert_eq!(
        listen("", &[("PORT", "9000"), ("GATEWAYZ_LISTEN", "localhost:1")]),
        "127.0.0.1:1"
    );
    assert_eq!(listen("", &[("PORT", "")]), "127.0.0.1:8080");
    check_refused("", &[("PORT", "http")], &["environment PORT", "whole number"]);
    let loaded = load("", &[("PORT", "9000")]);
    assert_eq!(shown(&loaded, "server.listen").1, "environment PORT");
}

#[test]
fn whoever_can_be_reached_needs_a_key() {
    let key = ("ADMIN_API_KEY", CANARY);
    for open in [
        "0.0.0.0:80",
        "[::]:80",
        "10.0.0.1:80",
        "[::ffff:10.0.0.1]:80",
        "203.0.113.1:0",
    ] {
        for variable in ["GATEWAYZ_LISTEN", "GATEWAYZ_ADMIN_LISTEN"] {
            check_refused(
                "",
                &[(variable, open)],
                &[variable, "others can reach", "ADMIN_API_KEY"],
            );
            load("", &[(variable, open), key]);
            check_refused(
                "",
                &[(variable, open), key, ("CACHE_ADMIN_OPEN", "1")],
                &["CACHE_ADMIN_OPEN", "others can reach"],
            );
        }
    }
    for closed in [
        "127.0.0.1:80",
        "127.9.8.7:80",
        "[::1]:80",
        "localhost:80",
        "[::ffff:127.0.0.1]:80",
    ] {
        load("", &[("GATEWAYZ_LISTEN", closed), ("CACHE_ADMIN_OPEN", "true")]);
    }
    check_refused(
        "",
        &[("ADMIN_API_KEY", "fifteen-letters")],
        &["ADMIN_API_KEY", "15 characters", "16 at least"],
    );
    check_refused(
        "",
        &[("ADMIN_API_KEY", "short"), ("GATEWAYZ_LISTEN", "0.0.0.0:80")],
        &["5 characters"],
    );
    check_refused("", &[("ADMIN_API_KEY", "sixteen letters é")], &["visible ASCII"]);
    check_refused("", &[("GATEWAYZ_LISTEN", "gateway.example:80")], &["no address"]);
    check_refused("", &[("GATEWAYZ_ADMIN_LISTEN", "127.0.0.1:8080")], &["another port"]);
}

#[test]
fn tls_needs_both_files() {
    check_refused(
        "[server]\ntls_key = \"k\"",
        &[],
        &["gatewayz.toml:2", "`server.tls_certificate`"],
    );
    check_refused("", &[("GATEWAYZ_TLS_CERTIFICATE", "c")], &["`server.tls_key`"]);
}

#[test]
fn a_refresh_after_the_end_is_a_warning() {
    assert_eq!(load("", &[("MODEL_CACHE_TTL", "600")]).warnings.len(), 1);
    let warnings = load("[cache]\nfirst_refresh = \"15m\"", &[]).warnings;
    assert!(
        warnings[0].starts_with("gatewayz.toml:2: `cache.first_refresh`"),
        "{warnings:?}"
    );
}

#[test]
fn redis_is_on_where_it_is_named() {
    let redis = |environment: &[(&str, &str)]| load("", environment).config.redis;
    assert!(redis(&[("REDIS_PORT", "1"), ("REDIS_PASSWORD", "p")]).is_none());
    assert_eq!(load("", &[("REDIS_PORT", "1")]).warnings.len(), 1);
    assert!(redis(&[("REDIS_URL", "redis://h"), ("REDIS_ENABLED", "no")]).is_none());
    let parts = redis(&[
        ("REDIS_HOST", "h"),
        ("REDIS_PORT", "7"),
        ("REDIS_DB", "3"),
        ("REDIS_PASSWORD", "p"),
    ])
    .unwrap();
    let Topology::Single(host) = &parts.endpoint.topology else {
        panic!("{parts:?}");
    };
    assert_eq!((host.name.as_str(), host.port, parts.endpoint.database), ("h", 7, 3));
    assert_eq!(parts.endpoint.password.unwrap().expose(), "p");
    let both = redis(&[
        ("REDIS_URL", "redis://u:q@url/1"),
        ("REDIS_HOST", "h"),
        ("REDIS_PASSWORD", "p"),
    ])
    .unwrap();
    assert_eq!(
        (both.endpoint.database, both.endpoint.password.unwrap().expose()),
        (1, "q")
    );
    check_refused(
        "[redis]\nhost = \"h\"\nkey_prefix = \"a b\"",
        &[],
        &["redis.key_prefix"],
    );
}

#[test]
fn databases_have_connections_of_their_kind() {
    let store = |environment: &[(&str, &str)]| format!("{:?}", load("", environment).config.store);
    let postgres = ("DATABASE_URL", "postgres://u:p@h/d");
    assert!(store(&[postgres]).contains("connections: 16"));
    assert!(store(&[postgres, ("CONNECTION_POOL_MAX_SIZE", "50")]).contains("connections: 50"));
    assert!(store(&[("DATABASE_URL", "sqlite:///a/b.db")]).contains("sqlite:/a/b.db"));
    for url in ["ann:pw@host/db", "host=h password=pw"] {
        check_refused("", &[("DATABASE_URL", url)], &["DATABASE_URL", "postgres://"]);
    }
}

#[test]
fn providers_take_their_keys_from_their_variables() {
    let account = tempfile::NamedTempFile::new().unwrap();
    fs::write(account.path(), "{\"client_email\": \"x\"}\n").unwrap();
    let loaded = load(
        "",
        &[
            ("OPENAI_API_KEY", " sk-1 \n"),
            ("CLOUDFLARE_ACCOUNT_ID", "acc"),
            ("GOOGLE_APPLICATION_CREDENTIALS", account.path().to_str().unwrap()),
            ("XAI_API_KEY", ""),
            ("HOME", "/root"),
        ],
    );
    let settings = &loaded.config.providers.settings;
    assert_eq!(settings.value("OPENAI_API_KEY").unwrap().expose(), "sk-1");
    assert!(settings.has("CLOUDFLARE_ACCOUNT_ID") && !settings.has("XAI_API_KEY") && !settings.has("HOME"));
    assert_eq!(
        settings.value("GOOGLE_APPLICATION_CREDENTIALS").unwrap().expose(),
        "{\"client_email\": \"x\"}"
    );
    assert_eq!(
        shown(&loaded, "providers.openai.api_key").1,
        "environment OPENAI_API_KEY"
    );
    let absent = load("", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/at/all")]);
    assert_eq!(absent.warnings.len(), 1);
    assert!(!absent.config.providers.settings.has("GOOGLE_APPLICATION_CREDENTIALS"));
}

#[test]
fn providers_of_the_file_change_those_of_the_registry() {
    let file = "[providers.openai]\napi_key = \"env:MY_KEY\"\nbase_url = \"https://mirror.example/v1/\"\n\
                [providers.gemini]\napi_key = \"file-key\"\n\
                [providers.groq]\nenabled = false\n\
                [providers.ollama]\nbase_url = \"{OLLAMA_URL}\"\nmodels_url = \"{OLLAMA_URL}/models\"\nallow_private = true\n\
                [providers.lm-studio]\nallow_private = true\n\
                [providers.mine]\nname = \"Mine\"\nmodels_url = \"https://mine.example/m\"\napi_key = \"k\"\n\
                [providers.cerebras]\napi_key = \"of-the-file\"";
    let environment = [
        ("MY_KEY", "sk-mine"),
        ("OLLAMA_URL", "http://10.0.0.5:11434/v1"),
        ("CEREBRAS_API_KEY", "of-the-environment"),
    ];
    let loaded = load(file, &environment);
    let ProvidersConfig {
        registry,
        settings,
        private_hosts,
    } = &loaded.config.providers;
    let openai = registry.resolve("openai").unwrap();
    assert_eq!(settings.value("OPENAI_API_KEY").unwrap().expose(), "sk-mine");
    assert_eq!(
        openai.provider().base_url.as_deref(),
        Some("https://mirror.example/v1/")
    );
    assert_eq!(openai.list().unwrap().url, "https://mirror.example/v1/models");
    assert_eq!(settings.value("GEMINI_API_KEY").unwrap().expose(), "file-key");
    assert!(!settings.has("GOOGLE_API_KEY"));
    assert!(!registry.resolve("groq").unwrap().provider().active);
    assert_eq!(*private_hosts, ["10.0.0.5", "localhost"]);
    let mine = registry.resolve("mine").unwrap();
    assert_eq!(mine.list().unwrap().url, "https://mine.example/m");
    assert_eq!(mine.list().unwrap().key_env, ["MINE_API_KEY"]);
    assert_eq!(settings.value("MINE_API_KEY").unwrap().expose(), "k");
    assert_eq!(
        settings.value("CEREBRAS_API_KEY").unwrap().expose(),
        "of-the-environment"
    );
    assert_eq!(
        shown(&loaded, "providers.cerebras.api_key").1,
        "environment CEREBRAS_API_KEY"
    );
    assert_eq!(
        shown(&loaded, "providers.groq.enabled"),
        ("false".to_owned(), "file gatewayz.toml:7".to_owned())
    );
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
}

#[test]
fn problems_of_providers_have_their_place() {
    let check = |fields: &str, words: &[&str]| check_refused(&format!("[providers.openai]\n{fields}"), &[], words);
    check(
        "api_key = \"env:NOBODY\"",
        &["gatewayz.toml:2", "`NOBODY`, which is not set"],
    );
    check("api_key = \"\"", &["gatewayz.toml:2", "is empty"]);
    check("enabled = \"no\"", &["gatewayz.toml:2", "`providers.openai.enabled`"]);
    check("enabled = true\nactive = true", &["write `enabled` alone"]);
    check(
        "base_url = \"http://example.com\"",
        &["gatewayz.toml:2", "neither https"],
    );
    check("base_url = \"nowhere\"", &["no URL"]);
    check("base_url = \"https://u:p@example.com\"", &["a user or a password"]);
    check(
        "models_url = \"https://a.example\"\nlist = { url = \"https://b.example\" }",
        &["write `models_url` alone"],
    );
    check(
        "color = \"red\"\nlist = { tmeout_secs = 5 }",
        &["gatewayz.toml:3", "tmeout_secs"],
    );
    check_refused("[providers]\nopenai = 5", &[], &["gatewayz.toml:2", "is no table"]);
    check_refused(
        "[providers.google]\nenabled = true\n[providers.vertex]\nenabled = true",
        &[],
        &["the same provider"],
    );
    let shared = "[providers.nebius]\napi_key = \"a\"\n[providers.other]\nname = \"O\"\napi_key = \"b\"\napi_key_env = \"NEBIUS_API_KEY\"";
    check_refused(shared, &[], &["NEBIUS_API_KEY", "differ"]);
    load("[providers.openai]\nenabled = false\napi_key = \"env:NOBODY\"", &[]);
}

#[test]
fn a_list_elsewhere_does_not_send_its_key_to_the_old_hosts() {
    let registry = Registry::builtin().unwrap();
    let with = registry
        .iter()
        .find(|adapter| adapter.list().is_some_and(|list| !list.fallback_urls.is_empty()));
    let slug = with.unwrap().slug().as_str();
    let loaded = load(
        &format!("[providers.{slug}]\nmodels_url = \"https://m.example/v1\""),
        &[],
    );
    let list = loaded
        .config
        .providers
        .registry
        .resolve(slug)
        .unwrap()
        .list()
        .unwrap()
        .clone();
    assert_eq!(
        (list.url.as_str(), list.fallback_urls.len()),
        ("https://m.example/v1", 0)
    );
}

#[test]
fn secrets_are_in_no_output() {
    let file = format!(
        "[admin]\nkey = \"{CANARY}1\"\nkey_secret = \"{CANARY}2\"\n[redis]\nhost = \"h\"\npassword = \"{CANARY}3\"\n\
         [providers.groq]\napi_key = \"{CANARY}4\"\nmodels_url = \"https://models.example/v1?key={CANARY}5\"\n\
         list = {{ headers = {{ x-key = \"{CANARY}6\" }} }}\n[providers.xai]\napi_key = \"env:ELSEWHERE\""
    );
    let environment = [
        ("OPENAI_API_KEY", "canary4f1d9c27b80e7"),
        ("ELSEWHERE", "canary4f1d9c27b80e8"),
        ("DATABASE_URL", "postgres://ann:canary4f1d9c27b80e9@db.example/gateway"),
        (
            "REDIS_URL",
            "redis-sentinel://u:canary4f1d9c27b80e@h/0?sentinelServiceName=m&sentinelPassword=canary4f1d9c27b80e",
        ),
        (
            "GOOGLE_VERTEX_CREDENTIALS_JSON",
            "{\"private_key\": \"canary4f1d9c27b80e\"}",
        ),
    ];
    let sources = sources(&file, &environment, &[("admin.key", "canary4f1d9c27b80e0")]);
    let loaded = Config::load(&sources).unwrap();
    let shown: Shown = loaded.show();
    let outputs = [
        format!("{sources:?}{:#?}", sources),
        format!("{loaded:?}{:#?}", loaded.config),
        shown.to_string(),
        format!("{shown:?}"),
        serde_json::to_string(&shown).unwrap(),
        format!("{:?}", loaded.warnings),
        format!("{:?}", loaded.config.changes(&load("", &[]).config)),
    ];
    for output in outputs {
        assert!(!output.contains(CANARY), "{output}");
    }
    assert!(
        shown.to_string().contains("postgres://ann:***@db.example/gateway"),
        "{shown}"
    );
    assert!(shown.to_string().contains("(set)"));
}

#[test]
fn secrets_are_in_no_error() {
    let files = [
        "key = CANARY",
        "[admin]\nkey = CANARY",
        "[admin]\nkey = \"CANARY",
        "[admin]\nkey = \"CANARY\\q\"",
        "[admin]\nkey = [\"CANARY\"]",
        "[admin]\nkey = { CANARY = 1, CANARY = 2 }",
        "[admin]\nkey = \"CANARYCANARY é\"",
        "[admin]\nkeyy = \"CANARY\"",
        "[admin]\nkey = \"CANARY\"\nkey = \"CANARY\"",
        "[admin]\nkey CANARY",
        "[database]\nurl = \"postgres://u:CANARY@h:port/d\"",
        "[database]\nurl = \"postgres://u:CANARY@h/d?CANARY=1\"",
        "[database]\nurl = \"mysql://u:CANARY@h/d\"",
        "[database]\nurl = \"u:CANARY@h/d\"",
        "[database]\nurl = \"host=h password=CANARY\"",
        "[database]\nurl = \"sqlite:CANARY?x=1\"",
        "[redis]\nurl = \"redis://:CANARY@\"",
        "[redis]\nurl = \"redis://:CANARY@h:port\"",
        "[redis]\nurl = \"http://:CANARY@h\"",
        "[redis]\nurl = \"redis://h/CANARY\"",
        "[redis]\nhost = \"h\"\npassword = 5\nurl = [\"CANARY\"]",
        "[providers.openai]\napi_key = [\"CANARY\"]",
        "[providers.openai]\napi_key = \"env:CANARY-é\"",
        "[providers.openai]\nbase_url = \"https://u:CANARY@h\"",
        "[providers.openai]\nbase_url = \"CANARY\"",
        "[providers.openai]\nbase_url = \"http://h/CANARY\"",
        "[providers.openai]\nmodels_url = \"https://h/{CANARY\"",
        "[providers.openai]\nmodels_url = \"http://h?key=CANARY\"",
        "[providers.openai]\nlist = { url = \"https://u:CANARY@h\" }",
        "[providers.openai]\nlist = { url = \"http://h?key=CANARY\" }",
        "[providers.openai]\nlist = { headers = { a = \"CANARY{\" } }",
        "[providers.openai]\nlist = { headers = [\"CANARY\"] }",
        "[providers.openai]\nlist = { auth = \"CANARY\" }",
        "[providers.openai]\nlist = { public = \"CANARY\" }",
        "[providers.openai]\nlist = { key_env = [\"CANARY\"] }",
        "[providers.openai]\nlist = { key_env = \"CANARY\" }",
        "[providers.openai]\npriority = \"CANARY\"",
        "[providers.openai]\naliases = [\"CANARY é\"]",
        "[providers.openai]\nmap = { id = [\"=CANARY\", 5] }",
        "[providers.openai]\napi_key = \"CANARY\"\ncolour = 5",
        "[providers.openai]\napi_key = \"CANARY\"\n[providers.o2]\nname = \"O\"\napi_key_env = \"OPENAI_API_KEY\"\napi_key = \"CANARY2\"",
    ];
    for file in files {
        let error = Config::load(&sources(&file.replace("CANARY", CANARY), &[], &[])).unwrap_err();
        let text = format!("{error} {error:?} {:?}", error.problems());
        assert!(!text.contains(CANARY), "{file}\n{text}");
    }
    for (variable, value) in [
        ("ADMIN_API_KEY", "canary4f1d9c27b80e é"),
        ("DATABASE_URL", "canary4f1d9c27b80e://h"),
        ("REDIS_URL", "canary4f1d9c27b80e"),
        ("GATEWAYZ_SECRET", "canary4f1d9c27b80e"),
        ("GATEWAYZ_ADMIN_KEY", "canary4f1d9c27b80e"),
    ] {
        let text = refused("", &[(variable, value)]);
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[test]
fn a_running_server_takes_what_it_can() {
    let changes = |old: &str, new: &str| load(old, &[]).config.changes(&load(new, &[]).config);
    let check = |old: &str, new: &str, applied: &[&str], needs_restart: &[&str]| {
        let found: Changes = changes(old, new);
        assert_eq!(
            (&*found.applied, &*found.needs_restart),
            (applied, needs_restart),
            "{old} -> {new}"
        );
    };
    check("", "", &[], &[]);
    // Said and not said are the same where the value is.
    check("", "[sync]\ninterval = \"30m\"", &[], &[]);
    check(
        "",
        "[sync]\ninterval = \"31m\"\n[log]\nfilter = \"debug\"",
        &["log.filter"],
        &["sync.interval"],
    );
    check(
        "",
        &format!("[admin]\nkey = \"{CANARY}\"\nkey_secret = \"s\"\nlisten = \"127.0.0.1:1\""),
        &["admin.key", "admin.key_secret"],
        &["admin.listen"],
    );
    check(
        "[server]\ntls_key = \"a\"\ntls_certificate = \"b\"",
        "[server]\ntls_key = \"c\"\ntls_certificate = \"d\"\noverhead_header = true\ncors_origins = [\"https://a.example\"]",
        &[
            "server.tls_certificate",
            "server.tls_key",
            "server.cors_origins",
            "server.overhead_header",
        ],
        &[],
    );
    check(
        "",
        "[server]\ntls_key = \"a\"\ntls_certificate = \"b\"",
        &[],
        &["server.tls_certificate", "server.tls_key"],
    );
    check(
        "",
        "[catalog]\nunknown_gateway = \"empty\"",
        &["catalog.unknown_gateway"],
        &[],
    );
    check("", "[database]\nurl = \"postgres://u:a@h/d\"", &[], &["database.url"]);
    check(
        "[database]\nurl = \"postgres://u:a@h/d\"",
        "[database]\nurl = \"postgres://u:b@h/d\"",
        &[],
        &["database.url"],
    );
    check("", "[providers.groq]\nenabled = false", &[], &["providers.*.enabled"]);
    check("", "[providers.groq]\napi_key = \"k\"", &["providers.*.api_key"], &[]);
    check(
        "[providers.groq]\napi_key = \"k\"",
        "[providers.groq]\napi_key = \"l\"",
        &["providers.*.api_key"],
        &[],
    );
    check("", "[providers.groq]\ncolor = \"red\"", &[], &["providers.*"]);
    check("", "[providers.ollama]\nallow_private = true", &[], &["providers.*"]);
}

#[test]
fn files_are_found_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let gather = |named: Option<&str>, variable: Option<&str>| {
        let variables = variable.map(|name| (OsString::from("GATEWAYZ_CONFIG"), path(name).into_os_string()));
        Sources::of(BTreeMap::new(), named.map(path), variables, dir.path())
    };
    let text = |sources: Sources| sources.file.unwrap().text;
    assert!(gather(None, None).unwrap().file.is_none());
    for name in ["gatewayz.toml", "variable.toml", "named.toml"] {
        fs::write(path(name), name).unwrap();
    }
    assert_eq!(text(gather(None, None).unwrap()), "gatewayz.toml");
    assert_eq!(text(gather(None, Some("variable.toml")).unwrap()), "variable.toml");
    assert_eq!(
        text(gather(Some("named.toml"), Some("variable.toml")).unwrap()),
        "named.toml"
    );
    for absent in [gather(Some("absent.toml"), None), gather(None, Some("absent.toml"))] {
        let error = absent.unwrap_err().to_string();
        assert!(error.contains("absent.toml: cannot be read"), "{error}");
    }
    fs::write(path("large.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(
        gather(Some("large.toml"), None)
            .unwrap_err()
            .to_string()
            .contains("more than 1MiB")
    );
    fs::write(path("latin.toml"), [0xe9]).unwrap();
    assert!(
        gather(Some("latin.toml"), None)
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_utf_8_are_errors_only_where_they_are_ours() {
    use std::os::unix::ffi::OsStringExt as _;

    let of = |name: &str| {
        let variable = (OsString::from(name), OsString::from_vec(vec![0xe9]));
        Sources::of(BTreeMap::new(), None, [variable], Path::new("/nowhere"))
    };
    assert!(of("LS_COLORS").unwrap().environment.is_empty());
    assert!(of("REDIS_URL").unwrap_err().to_string().contains("REDIS_URL"));
}

/// The few words of JSON Schema that the schema uses.
fn fits(schema: &Json, value: &Json) -> Result<(), String> {
    let wrong = || Err(format!("{value} against {schema}"));
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return if words.contains(value) { Ok(()) } else { wrong() };
    }
    match (schema["type"].as_str().unwrap_or_default(), value) {
        ("object", Json::Object(fields)) => fields.iter().try_for_each(|(name, value)| {
            match (&schema["properties"][name], schema.get("patternProperties")) {
                (Json::Null, Some(patterns)) => fits(patterns.as_object().unwrap().values().next().unwrap(), value),
                (Json::Null, None) if schema["additionalProperties"] == false => Err(name.clone()),
                (Json::Null, None) => Ok(()),
                (schema, _) => fits(schema, value),
            }
        }),
        ("array", Json::Array(items)) => items.iter().try_for_each(|item| fits(&schema["items"], item)),
        ("string", Json::String(text)) if schema["minLength"].as_u64().unwrap_or(0) <= text.len() as u64 => Ok(()),
        ("boolean", Json::Bool(_)) => Ok(()),
        ("integer", Json::Number(number)) if number.as_u64() >= schema["minimum"].as_u64() => Ok(()),
        _ => wrong(),
    }
}

fn json(toml: &str) -> Json {
    serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap()
}

#[test]
fn the_schema_takes_what_is_right_and_nothing_else() {
    let schema = schema();
    assert_eq!(fits(&schema, &json(EXAMPLE)), Ok(()));
    for setting in SETTINGS {
        let (section, key) = setting.parts();
        let one = format!("[{section}]\n{key} = {}", sample(setting).1);
        assert_eq!(fits(&schema, &json(&one)), Ok(()));
    }
    for wrong in [
        "[server]\nlisen = \"x\"",
        "[sever]",
        "[server]\nworkers = \"4\"",
        "[server]\nbody_timeout = 5",
        "[providers.x]\ncolour = \"\"",
    ] {
        assert!(fits(&schema, &json(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn the_schema_knows_all_fields_of_providers() {
    let builtin: toml::Table =
        toml::from_str(include_str!("../../../../crates/providers/data/providers.toml")).unwrap();
    for table in builtin.values() {
        for name in table.as_table().unwrap().keys() {
            assert!(PROVIDER_FIELDS.iter().any(|field| field.name == name), "{name}");
        }
    }
    // And the registry knows those: an unknown one is an error that lists them.
    let error = Registry::builtin()
        .unwrap()
        .with_overrides("[openai]\nnobody = 1")
        .unwrap_err()
        .to_string();
    let own = ["enabled", "api_key", "models_url", "allow_private"];
    for field in PROVIDER_FIELDS.iter().filter(|field| !own.contains(&field.name)) {
        assert!(error.contains(&format!("`{}`", field.name)), "{}: {error}", field.name);
    }
    for name in error
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| !["openai", "nobody"].contains(name))
    {
        assert!(PROVIDER_FIELDS.iter().any(|field| field.name == name), "{name}");
    }
}

#[test]
fn the_example_works() {
    let environment = [
        ("ADMIN_API_KEY", CANARY),
        ("MY_OPENAI_KEY", "sk"),
        ("OLLAMA_URL", "http://ollama.internal:11434/v1"),
        ("REDIS_PASSWORD", "secret"),
    ];
    let loaded = load(EXAMPLE, &environment);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.config.providers.private_hosts, ["ollama.internal"]);
}

#[test]
fn the_reference_is_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let reference = reference();
    if fs::read_to_string(&path).unwrap_or_default() != reference {
        let (_, new) = tempfile::NamedTempFile::new().unwrap().keep().unwrap();
        fs::write(&new, reference).unwrap();
        panic!(
            "docs/configuration.md is not what the table says; copy {} there",
            new.display()
        );
    }
}

#[test]
fn values_are_shown_in_the_unit_that_people_would_choose() {
    let times = [0, 1, 250, 1000, 1500, 90_000, 60_000, 840_000, 3_600_000, 86_400_000];
    let shown: Vec<String> = times.map(|time| show_duration(ms(time))).into();
    assert_eq!(
        shown,
        ["0s", "1ms", "250ms", "1s", "1500ms", "90s", "1m", "14m", "1h", "1d"]
    );
    for (url, text) in [
        ("redis://u:p@h:1/0?db=2&x=p", "redis://u:***@h:1/0?db=2&x=***"),
        ("{BASE}/models?key=p", "{BASE}/models"),
        ("postgres://u:p@h1:1,h2:2/d", "(set)"),
    ] {
        assert_eq!(Value::Url(Secret::new(url)).show(), text);
    }
    let sizes = [0, 1, 1024, 1536, 64 << 20, 1 << 30].map(show_bytes);
    assert_eq!(sizes, ["0B", "1B", "1KiB", "1536B", "64MiB", "1GiB"]);
}

proptest! {
    #[test]
    fn a_time_that_is_shown_reads_as_itself(time in prop_oneof![0..100_000_u64, any::<u64>().prop_map(|n| n % 1000 * 60_000), any::<u64>()]) {
        let kind = Kind::Duration(0, u64::MAX);
        prop_assert_eq!(kind.read(&show_duration(ms(time)), Plain::No), Ok(Value::Duration(ms(time))));
    }

    #[test]
    fn a_size_that_is_shown_reads_as_itself(bytes in prop_oneof![0..100_000_u64, (0..5000_u64).prop_map(|n| n << 20), any::<u64>()]) {
        let kind = Kind::Bytes(0, u64::MAX);
        prop_assert_eq!(kind.read(&show_bytes(bytes), Plain::No), Ok(Value::Bytes(bytes)));
    }

    #[test]
    fn no_text_breaks_a_reader(text in ".{0,40}") {
        for setting in SETTINGS {
            let _read = setting.kind.read(&text, Plain::Seconds);
        }
    }

    #[test]
    fn no_file_breaks_the_reader(text in "([\\[\\]a-z\\.=\"0-9\n ]|providers|server|openai|listen){0,40}") {
        let _loaded = Config::load(&sources(&text, &[], &[]));
    }
}
