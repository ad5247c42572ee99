use super::*;

fn target(url: &str) -> String {
    format!("{:?}", StoreConfig::from_url(url).unwrap().target)
}

fn refused(url: &str) -> OpenError {
    StoreConfig::from_url(url).unwrap_err()
}

#[cfg(feature = "sqlite")]
#[test]
fn files_and_memory_are_told_from_servers() {
    assert_eq!(target("sqlite::memory:"), "sqlite::memory:");
    assert_eq!(target("sqlite:a/b.db"), "sqlite:a/b.db");
    assert_eq!(target("sqlite:///a/b.db"), "sqlite:/a/b.db");
    assert_eq!(target("./a b.db"), "sqlite:./a b.db");
    for url in ["", "sqlite:", "mysql://h/d", "sqlite:a?mode=ro"] {
        assert!(matches!(refused(url), OpenError::InvalidUrl(_)), "{url}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn passwords_are_never_shown() {
    const URL: &str = "postgres://ann:hunter2@db.example:5433/gateway?application_name=x";
    assert_eq!(target(URL), "postgres://db.example:5433/gateway");
    assert!(!format!("{:?}", StoreConfig::from_url(URL).unwrap()).contains("hunter2"));
    for url in [
        "postgres://ann:hunter2@db.example:port/gateway",
        "postgres://ann:hunter2@db.example/gateway?hunter2=1",
        "postgres://ann:hunter2@db.example/gateway?sslmode=hunter2",
        "postgres://ann:hunter2",
    ] {
        match StoreConfig::from_url(url) {
            Err(error) => assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}"),
            // The last one names a host and a port that is none.
            Ok(config) => assert!(!format!("{config:?}").contains("hunter2"), "{config:?}"),
        }
    }
}

#[cfg(feature = "postgres")]
#[test]
fn encryption_that_is_asked_for_is_there_or_an_error() {
    for mode in ["require", "verify-full"] {
        let config = StoreConfig::from_url(&format!("postgres://u@h/d?sslmode={mode}"));
        match (config, cfg!(feature = "tls")) {
            (Ok(_), true) | (Err(OpenError::NotBuilt(_)), false) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        refused("postgres://u@h/d?sslmode=verify-ca"),
        OpenError::InvalidUrl(_)
    ));
    assert_eq!(target("postgres://u@h/d?sslmode=disable"), "postgres://h:5432/d");
}

#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
#[test]
fn what_was_not_built_is_said() {
    assert!(matches!(refused("sqlite:a"), OpenError::NotBuilt("SQLite")));
}
