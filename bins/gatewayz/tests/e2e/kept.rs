//! Answers that callers and caches keep.

use crate::{
    client::Response,
    gateway::{Database, Gateway, Settings},
};

const ALL: &str = "/v1/models?gateway=all";

/// The headers, without those that differ from one answer to the next by what they mean.
fn steady(response: &Response) -> Vec<(String, String)> {
    let mut headers: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| !["age", "x-cache", "x-request-id", "date"].contains(&name.as_str()))
        .cloned()
        .collect();
    headers.sort();
    headers
}

fn age(response: &Response) -> u64 {
    response.header("age").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_list_is_asked_for_again_only_when_it_has_changed() {
    let gateway = Gateway::start(Settings::new()).await;
    let mut client = gateway.connect().await;
    client.get("/v1/models?gateway=all&limit=7").await.unwrap();
    let again = client.get("/v1/models?gateway=all&limit=7").await.unwrap();
    assert!(
        again.header("x-cache").unwrap().starts_with("HIT; tier=local"),
        "{again:?}"
    );

    let whole = client.get(ALL).await.unwrap();
    assert_eq!(whole.status, 200);
    let list = whole.json();
    assert!(list["total"].as_u64().unwrap() >= 60, "{list}");
    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert_eq!(whole.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(
        whole.header("content-length"),
        Some(whole.body.len().to_string().as_str())
    );
    let vary = whole.header("vary").unwrap();
    assert!(
        vary.contains("Accept-Encoding") && vary.contains("Authorization"),
        "{vary}"
    );
    let tag = whole.header("etag").unwrap().to_owned();

    let weak = format!("\"other\", W/{tag}");
    for known in [tag.as_str(), "*", &weak] {
        let same = client.send("GET", ALL, &[("if-none-match", known)]).await.unwrap();
        assert_eq!((same.status, same.body.len()), (304, 0));
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(same.header(name), whole.header(name), "{name}");
        }
        assert!(same.header("age").is_some() && same.header("x-cache").is_some());
    }
    let changed = client
        .send("GET", ALL, &[("if-none-match", "\"other\"")])
        .await
        .unwrap();
    assert_eq!((changed.status, &changed.body), (200, &whole.body));

    let head = client.send("HEAD", ALL, &[]).await.unwrap();
    assert_eq!((head.status, steady(&head)), (200, steady(&whole)));
    // Nothing came after the head: the next answer is in its place.
    let head = client.send("HEAD", ALL, &[("if-none-match", &tag)]).await.unwrap();
    assert_eq!(head.status, 304);

    let mine = client
        .send("GET", ALL, &[("authorization", "Bearer gw_live_x")])
        .await
        .unwrap();
    assert_eq!(
        (mine.status, mine.header("cache-control")),
        (200, Some("private, no-cache"))
    );
    assert_eq!(mine.body, whole.body);
}

#[tokio::test]
async fn every_form_has_a_tag_of_its_own_and_the_same_content() {
    let gateway = Gateway::start(Settings::new()).await;
    let mut client = gateway.connect().await;
    let plain = client.get(ALL).await.unwrap();
    let mut tags = vec![plain.header("etag").unwrap().to_owned()];
    for (accepted, form) in [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd")] {
        let accept = ("accept-encoding", accepted);
        // The first of a form packs it, the others find it packed.
        for _ in 0..2 {
            let packed = client.send("GET", ALL, &[accept]).await.unwrap();
            assert_eq!(packed.header("content-encoding"), Some(form));
            assert!(packed.body.len() * 2 < plain.body.len());
            assert_eq!(packed.unpacked(), plain.body);
            let tag = packed.header("etag").unwrap().to_owned();
            let same = client
                .send("GET", ALL, &[accept, ("if-none-match", &tag)])
                .await
                .unwrap();
            assert_eq!((same.status, same.header("etag")), (304, Some(tag.as_str())));
            let head = client.send("HEAD", ALL, &[accept]).await.unwrap();
            assert_eq!(steady(&head), steady(&packed));
            // Under this tag there is this form only.
            let other = client.send("GET", ALL, &[("if-none-match", &tag)]).await.unwrap();
            assert_eq!(other.status, 200);
            tags.push(tag);
        }
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    let refusing = client
        .send("GET", ALL, &[("accept-encoding", "gzip;q=0, identity")])
        .await
        .unwrap();
    assert_eq!(
        (refusing.header("content-encoding"), &refusing.body),
        (None, &plain.body)
    );
}

#[tokio::test]
async fn an_answer_grows_older_until_what_it_is_made_of_is_read_again() {
    let gateway = Gateway::start(Settings::new()).await;
    let mut client = gateway.connect().await;
    let mut last = 0;
    loop {
        let answer = client.get(ALL).await.unwrap();
        let now = age(&answer);
        assert!(now >= last, "{now} after {last}");
        let told = answer.header("x-cache").unwrap();
        assert!(told.ends_with(&format!("; age={now}")), "{told}");
        last = now;
        if now >= 2 {
            break;
        }
        assert!(gateway.get("/health").await.status == 200);
    }
}

#[tokio::test]
async fn a_catalogue_that_changed_has_another_tag() {
    let gateway = Gateway::start(Settings::new()).await;
    let mut client = gateway.connect().await;
    let before = client.get(ALL).await.unwrap();
    let total = before.json()["total"].as_u64().unwrap();
    let database = Database::Sqlite(&gateway);
    database.hide("id = (SELECT min(id) FROM models)", true).await;
    assert_eq!(gateway.admin("POST", "/cache/clear").await.status, 200);
    let known = before.header("etag").unwrap();
    let after = client.send("GET", ALL, &[("if-none-match", known)]).await.unwrap();
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), before.header("etag"));
    assert!(after.header("x-cache").unwrap().starts_with("MISS"), "{after:?}");
    assert_eq!(after.json()["total"].as_u64().unwrap(), total - 1);

    // What comes back has the tag that it had: the tag is of the content.
    database.hide("removed_at IS NOT NULL", false).await;
    assert_eq!(gateway.admin("POST", "/cache/clear").await.status, 200);
    let back = client.send("GET", ALL, &[("if-none-match", known)]).await.unwrap();
    assert_eq!(back.status, 304);
}
