//! Lists over HTTP: who asks, in how many pages, and in which form.

use std::{iter, time::Duration};

use bytes::Bytes;
use gatewayz_catalog::ListError;
use gatewayz_testkit::{
    eventually,
    simulated::{Reply, Route},
};

use crate::fetch_support::{KEY, LIST, Setup, TWO, ids, settings};

#[tokio::test]
async fn each_way_to_prove_who_asks() {
    let cases = [
        (
            "key_env = [\"TEST_KEY\"]",
            "authorization",
            Some(format!("Bearer {KEY}")),
        ),
        (
            "auth = \"bearer\"\nkey_env = [\"NOBODY\", \"TEST_KEY\"]",
            "authorization",
            Some(format!("Bearer {KEY}")),
        ),
        (
            "auth = { scheme = \"Key\" }\nkey_env = [\"TEST_KEY\"]",
            "authorization",
            Some(format!("Key {KEY}")),
        ),
        (
            "auth = { header = \"x-api-key\" }\nkey_env = [\"TEST_KEY\"]",
            "x-api-key",
            Some(KEY.to_owned()),
        ),
        ("auth = \"none\"\nkey_env = [\"TEST_KEY\"]", "authorization", None),
        ("public = true\nkey_env = [\"NOBODY\"]", "authorization", None),
        (
            "public = true\nkey_env = [\"TEST_KEY\"]",
            "authorization",
            Some(format!("Bearer {KEY}")),
        ),
    ];
    for (list, header, expected) in cases {
        let world = Setup::list(list).start().await;
        assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
        let requests = world.provider.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].header(header), expected.as_deref(), "{list}");
        assert_eq!(requests[0].header("accept-encoding"), Some("gzip"));
        assert!(requests[0].header("user-agent").unwrap().starts_with("gatewayz/"));
    }
}

#[tokio::test]
async fn settings_fill_the_address_and_the_headers() {
    let world = Setup {
        url: "URL/{ACCOUNT}/{ZONE:z1}/models",
        ..Setup::list("auth = \"none\"\nheaders = { x-region = \"{REGION}\", x-plain = \"p\" }")
    }
    .start()
    .await;
    world.provider.route("/acc%2Fount%207/z1/models", Reply::json(TWO));
    assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
    let request = &world.provider.requests()[0];
    assert_eq!(request.header("x-region"), Some("eu"));
    assert_eq!(request.header("x-plain"), Some("p"));
}

#[tokio::test]
async fn what_is_not_set_is_named_and_nobody_is_asked() {
    let cases = [
        (
            Setup::list("key_env = [\"NOBODY\", \"NO_OTHER\"]"),
            "NOBODY or NO_OTHER",
        ),
        (
            Setup {
                url: "URL/{WORKSPACE}/models",
                ..Setup::list("auth = \"none\"")
            },
            "WORKSPACE",
        ),
        (
            Setup::list("auth = \"none\"\nheaders = { x-app = \"{APP_CODE}\" }"),
            "APP_CODE",
        ),
        (
            Setup {
                settings: [("TEST_KEY", "two\nlines")].into_iter().collect(),
                ..Setup::default()
            },
            "TEST_KEY to something that can be sent",
        ),
        (
            Setup::list("auth = \"google-service-account\"\nkey_env = [\"NOBODY\"]"),
            "NOBODY",
        ),
    ];
    for (setup, expected) in cases {
        let world = setup.start().await;
        let error = world.list().await.unwrap_err();
        match &error {
            ListError::NotConfigured { setting, .. } => assert_eq!(setting, expected),
            other => panic!("{other}"),
        }
        assert!(!error.is_transient());
        assert!(world.lists.check(&world.slug).is_err());
        assert_eq!(world.n_requests(), 0);
        // It says nothing of the provider.
        assert!(!world.lists.states().state(&world.slug).await.in_error_state);
    }
}

const CURSOR: &str = "auth = \"none\"\npaging = { style = \"cursor\", query = { limit = \"2\" }, parameter = \"after_id\", \
                      next = \"last_id\", more = \"has_more\" }";

fn page(ids: &[String], rest: &str) -> Reply {
    let rows: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    Reply::json(format!(r#"{{"data":[{}]{rest}}}"#, rows.join(",")))
}

#[tokio::test]
async fn a_cursor_is_followed_until_there_is_no_more() {
    let world = Setup::list(CURSOR).start().await;
    world.provider.route(
        LIST,
        Route::of(|request| {
            let more =
                |id: &str, more: bool| page(&[id.to_owned()], &format!(r#","last_id":"{id}&=","has_more":{more}"#));
            match request.query("after_id") {
                None => more("a", true),
                Some("a%26%3D") => more("b", true),
                Some("b%26%3D") => more("c", false),
                Some(other) => Reply::status(400).body(other.to_owned()),
            }
        }),
    );
    let list = world.list().await.unwrap();
    assert_eq!(ids(&list), ["a", "b", "c"]);
    assert_eq!(list.pages, 3);
    assert!(
        world
            .provider
            .requests()
            .iter()
            .all(|request| request.query("limit") == Some("2"))
    );
}

#[tokio::test]
async fn without_a_word_on_more_the_last_page_has_no_cursor() {
    for end in ["", r#","next":null"#, r#","next":"""#] {
        let world =
            Setup::list("auth = \"none\"\npaging = { style = \"cursor\", parameter = \"token\", next = \"next\" }")
                .start()
                .await;
        world.provider.route(
            LIST,
            Route::of(move |request| match request.query("token") {
                None => page(&["a".to_owned()], r#","next":17"#),
                Some(_seventeen) => page(&["b".to_owned()], end),
            }),
        );
        assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"], "{end}");
    }
}

/// As Cohere's list does, which names a next page even where all rows are there.
#[tokio::test]
async fn a_next_page_without_rows_that_names_itself_ends_the_list() {
    let world = Setup::list("auth = \"none\"\npaging = { style = \"cursor\", parameter = \"token\", next = \"next\" }")
        .start()
        .await;
    world.provider.route(
        LIST,
        Route::of(|request| match request.query("token") {
            None => page(&["a".to_owned()], r#","next":17"#),
            Some(_seventeen) => page(&[], r#","next":17"#),
        }),
    );
    assert_eq!(ids(&world.list().await.unwrap()), ["a"]);
}

#[tokio::test]
async fn cursors_that_lead_nowhere_are_no_list() {
    let world = Setup::list(CURSOR).start().await;
    // In a circle of three.
    world.provider.route(
        LIST,
        Route::of(|request| {
            let next = match request.query("after_id") {
                None | Some("c") => "a",
                Some("a") => "b",
                Some(_) => "c",
            };
            page(&["x".to_owned()], &format!(r#","last_id":"{next}","has_more":true"#))
        }),
    );
    let error = world.list().await.unwrap_err();
    assert!(
        matches!(&error, ListError::Malformed(why) if why.contains("leads back")),
        "{error}"
    );
    assert_eq!(world.n_requests(), 4);

    // On and on.
    world.provider.route(
        LIST,
        Route::of(|request| {
            let at: u64 = request.query("after_id").unwrap_or("0").parse().unwrap_or(0);
            page(
                &[format!("m{at}")],
                &format!(r#","last_id":"{}","has_more":true"#, at + 1),
            )
        }),
    );
    world.provider.forget_requests();
    let error = world.list_anew().await.unwrap_err();
    assert!(
        matches!(&error, ListError::Malformed(why) if why.contains("1000 pages")),
        "{error}"
    );
    assert_eq!(world.n_requests(), 1000);

    // To nowhere.
    world
        .provider
        .route(LIST, page(&["a".to_owned()], r#","has_more":true"#));
    let error = world.list_anew().await.unwrap_err();
    assert!(
        matches!(&error, ListError::Malformed(why) if why.contains("does not say where")),
        "{error}"
    );
}

#[tokio::test]
async fn numbered_pages_with_their_number() {
    let world = Setup::list(
        "auth = \"none\"\npaging = { style = \"number\", query = { per_page = \"2\" }, parameter = \"page\", first = 1, \
         total = \"result_info.total_pages\" }",
    )
    .start()
    .await;
    world.provider.route(
        LIST,
        Route::of(|request| {
            let number = request.query("page").unwrap_or("none");
            page(&[format!("m{number}")], r#","result_info":{"total_pages":3}"#)
        }),
    );
    let list = world.list().await.unwrap();
    assert_eq!(ids(&list), ["m1", "m2", "m3"]);
    assert!(
        world
            .provider
            .requests()
            .iter()
            .all(|request| request.query("per_page") == Some("2"))
    );
}

const NUMBER: &str = "auth = \"none\"\npaging = { style = \"number\", parameter = \"p\", first = 0 }";

#[tokio::test]
async fn numbered_pages_end_with_a_short_one() {
    for n_last in [0, 1] {
        let world = Setup::list(NUMBER).start().await;
        world.provider.route(
            LIST,
            Route::of(move |request| {
                let number: usize = request.query("p").unwrap_or("9").parse().unwrap_or(9);
                let rows: Vec<_> = (0..if number < 2 { 2 } else { n_last })
                    .map(|n| format!("m{number}-{n}"))
                    .collect();
                page(&rows, "")
            }),
        );
        let list = world.list().await.unwrap();
        assert_eq!(list.listings.len(), 4 + n_last);
        assert_eq!(list.pages, 3);
    }
}

#[tokio::test]
async fn a_provider_that_does_not_know_of_pages_is_found_out() {
    let world = Setup::list(NUMBER).start().await;
    let error = world.list().await.unwrap_err();
    assert!(
        matches!(&error, ListError::Malformed(why) if why.contains("the one before")),
        "{error}"
    );
    assert_eq!(world.n_requests(), 2);
}

#[tokio::test]
async fn packed_lists_are_unpacked() {
    let world = Setup::list("auth = \"none\"").start().await;
    let rows: Vec<_> = (0..20_000).map(|n| format!("vendor/model-{n}")).collect();
    world.provider.route(LIST, page(&rows, "").gzip().unwrap());
    let list = world.list().await.unwrap();
    assert_eq!(list.listings.len(), rows.len());
    assert!(list.bytes > 500_000);
}

#[tokio::test]
async fn a_bomb_does_not_go_off() {
    let world = Setup::list("auth = \"none\"").start().await;
    world.provider.route(LIST, Reply::gzip_bomb(1 << 30));
    let error = world.list().await.unwrap_err();
    // Zeros are no JSON; the reader says so at the first one.
    assert!(
        matches!(error, ListError::Malformed(_) | ListError::TooLarge { .. }),
        "{error}"
    );

    // One that is JSON as far as it goes: blanks, a thousand times packed.
    let world = Setup::list("auth = \"none\"\nmax_bytes = 20000000").start().await;
    world
        .provider
        .route(LIST, Reply::json(vec![b' '; 64 << 20]).gzip().unwrap());
    let error = world.list().await.unwrap_err();
    assert!(matches!(error, ListError::TooLarge { limit: 20_000_000 }), "{error}");
}

/// Rows of 200 kB, which fill megabytes quickly.
fn fat(n_rows: usize) -> Reply {
    Reply::lazy(move || {
        let filler = "x".repeat(200_000);
        let rows = (0..n_rows).map(move |n| {
            let comma = if n == 0 { "" } else { "," };
            Bytes::from(format!(r#"{comma}{{"id":"m{n}","description":"{filler}"}}"#))
        });
        iter::once(Bytes::from_static(b"{\"data\":["))
            .chain(rows)
            .chain(iter::once(Bytes::from_static(b"]}")))
    })
}

#[tokio::test]
async fn a_list_of_a_hundred_megabytes_is_read_and_a_longer_one_is_not() {
    let world = Setup::list("auth = \"none\"\ntimeout_secs = 60").start().await;
    world.provider.route(LIST, fat(500));
    let list = world.list().await.unwrap();
    assert_eq!(list.listings.len(), 500);
    assert!(list.bytes > 100_000_000);

    world.provider.route(LIST, fat(100_000));
    let error = world.list().await.unwrap_err();
    assert!(
        matches!(error, ListError::TooLarge { limit } if limit == 100 << 20),
        "{error}"
    );
    // What nobody reads is not sent to the end.
    eventually(Duration::from_secs(5), || async {
        world.provider.open_connections() == 0
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_list_that_says_that_it_is_too_long_is_not_begun() {
    let world = Setup::list("auth = \"none\"\nmax_bytes = 20").start().await;
    let error = world.list().await.unwrap_err();
    assert!(matches!(error, ListError::TooLarge { limit: 20 }), "{error}");
}

#[tokio::test]
async fn the_limit_is_that_of_all_pages_together() {
    let world = Setup::list(&format!("max_bytes = 10000\n{NUMBER}")).start().await;
    world.provider.route(
        LIST,
        Route::of(|request| {
            page(
                &[format!("m{}{}", request.query("p").unwrap_or("none"), "y".repeat(150))],
                "",
            )
        }),
    );
    let error = world.list().await.unwrap_err();
    assert!(matches!(error, ListError::TooLarge { limit: 10_000 }), "{error}");
    assert!((30..70).contains(&world.n_requests()));
}

#[tokio::test]
async fn what_is_no_list_is_told() {
    let world = Setup::list("auth = \"none\"").start().await;
    let cases = [
        (Reply::html("<html><body>Sign in</body></html>"), "text/html"),
        (Reply::json("  \n<!doctype html><html></html>"), "page for people"),
        (
            Reply::status(200)
                .header("content-type", "text/event-stream")
                .body("data: {}"),
            "text/event-stream",
        ),
        (Reply::json(TWO).header("content-encoding", "br"), "encoding"),
        (Reply::json(TWO).header("content-encoding", "gzip"), "unpacked"),
        (Reply::json(""), "empty"),
        (Reply::json("{\"data\":[{\"id\":\"a\"}"), "ends"),
    ];
    for (reply, expected) in cases {
        world.provider.route(LIST, reply);
        match world.list_anew().await.unwrap_err() {
            ListError::Malformed(why) => assert!(why.contains(expected), "{why} has no {expected}"),
            other => panic!("{other}"),
        }
    }
    // JSON without the word for it is a list all the same.
    for kind in [
        "text/plain",
        "application/octet-stream",
        "application/vnd.api+json; charset=utf-8",
    ] {
        world
            .provider
            .route(LIST, Reply::status(200).header("content-type", kind).body(TWO));
        assert_eq!(ids(&world.list_anew().await.unwrap()), ["a", "b"], "{kind}");
    }
}

#[tokio::test]
async fn an_error_with_status_200_is_told_as_the_error_that_it_is() {
    let world = Setup::list("auth = \"none\"").start().await;
    world.provider.route(
        LIST,
        Reply::json(r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#),
    );
    assert!(matches!(world.list().await.unwrap_err(), ListError::Quota(why) if why == "insufficient balance"));
    world.provider.route(
        LIST,
        Reply::json(r#"{"success":false,"errors":[{"message":"no such account"}],"data":[]}"#),
    );
    match world.list_anew().await.unwrap_err() {
        ListError::Status {
            status: 200, message, ..
        } => assert_eq!(message, "no such account"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_key_of_another_region_finds_its_region() {
    let world = Setup::list("key_env = [\"TEST_KEY\"]\nfallback_urls = [\"URL/us\", \"URL/cn\"]")
        .start()
        .await;
    let refused = Reply::status(401).body(r#"{"error":{"message":"Incorrect API key provided."}}"#);
    world.provider.route(LIST, refused.clone());
    world.provider.route("/us", refused.clone());
    world.provider.route("/cn", Reply::json(TWO));
    assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
    assert_eq!(world.n_requests(), 3);

    // Nowhere: what the last one said.
    world.provider.route("/cn", refused);
    assert!(matches!(
        world.list().await.unwrap_err(),
        ListError::Status { status: 401, .. }
    ));
    // Another error is no reason to go elsewhere.
    world.provider.route(LIST, Reply::status(404));
    world.provider.forget_requests();
    assert!(matches!(
        world.list_anew().await.unwrap_err(),
        ListError::Status { status: 404, .. }
    ));
    assert_eq!(world.n_requests(), 1);
}

#[tokio::test]
async fn a_provider_without_a_list_has_none() {
    let world = Setup::default().start().await;
    let nobody = crate::fetch_support::slug("nobody");
    assert!(matches!(
        gatewayz_catalog::ListSource::list(&world.lists, &nobody)
            .await
            .unwrap_err(),
        ListError::NoList(_)
    ));
    assert_eq!(
        gatewayz_catalog::ListSource::time_limit(&world.lists, &world.slug),
        Duration::from_secs(17)
    );
    assert!(!format!("{:?}", settings()).contains(KEY));
}
