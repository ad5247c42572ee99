//! What is refused, and how.

use gatewayz_testkit::eventually;
use tokio::io::AsyncWriteExt as _;

use crate::{
    client::{Client, head, raw},
    gateway::{Gateway, SOON, Settings},
};

const SMALL: &str = "[server]\nmax_header_bytes = \"8KiB\"\nmax_body_bytes = \"1KiB\"\nheader_timeout = \"500ms\"";

#[tokio::test]
async fn every_refusal_has_one_shape_and_a_code_of_its_own() {
    let gateway = Gateway::start(Settings::new().file(SMALL)).await;
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
    let of_host = |host: &str| format!("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let bytes_of = |n: usize| format!("content-length: {n}\r\n");
    let many: String = (0..110).map(|n| format!("x-{n}: y\r\n")).collect();
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("an unknown route", get("/v1/modelz", ""), 404, "ROUTE_NOT_FOUND"),
        (
            "a method that is not served",
            head("DELETE", "/health", &[]),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            "a method nobody knows",
            head("BREW", "/health", &[]),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            "an announced body over the limit",
            get("/health", &bytes_of(1025)),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            "a packed body",
            get("/health", "content-encoding: gzip\r\ncontent-length: 2\r\n") + "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "a long header",
            get("/health", &format!("x: {}\r\n", "y".repeat(20_000))),
            431,
            "HEADERS_TOO_LARGE",
        ),
        (
            "a long path",
            get(&format!("/{}", "y".repeat(20_000)), ""),
            431,
            "HEADERS_TOO_LARGE",
        ),
        ("many headers", get("/health", &many), 431, "HEADERS_TOO_LARGE"),
        (
            "no HTTP",
            "\x16\x03\x01 hello\r\n\r\n".to_owned(),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "a version nobody knows",
            "GET / HTTP/9.9\r\nhost: a\r\n\r\n".to_owned(),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "a NUL in the path",
            "GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "a NUL in a header",
            get("/health", "x: \0\r\n"),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "a name with a space",
            get("/health", "x y: z\r\n"),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "a length that is none",
            get("/health", "content-length: ten\r\n"),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "two lengths",
            get("/health", "content-length: 1\r\ncontent-length: 2\r\n"),
            400,
            "MALFORMED_REQUEST",
        ),
        ("two hosts", get("/health", "host: other\r\n"), 400, "MALFORMED_REQUEST"),
        (
            "no host",
            "GET /health HTTP/1.1\r\n\r\n".to_owned(),
            400,
            "MALFORMED_REQUEST",
        ),
        ("a path in the host", of_host("a/b"), 400, "MALFORMED_REQUEST"),
        ("a fragment in the host", of_host("a#b"), 400, "MALFORMED_REQUEST"),
        ("a user in the host", of_host("a@b"), 400, "MALFORMED_REQUEST"),
        ("a query in the host", of_host("a?b"), 400, "MALFORMED_REQUEST"),
        (
            "a target with a host",
            "GET http://localhost/health HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "a target of a tunnel",
            "CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "no text in the query",
            get("/v1/models?gateway=%ff", ""),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "a half escape",
            get("/v1/models?gateway=%f", ""),
            404,
            "PROVIDER_NOT_FOUND",
        ),
        (
            "a control character",
            get("/v1/models?provider=%00", ""),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "a limit over all limits",
            get("/v1/models?limit=10001", ""),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "a negative offset",
            get("/v1/models?offset=-1", ""),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "a parameter given twice",
            get("/v1/models?limit=1&limit=2", ""),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "a cursor that is none",
            get("/v1/models?cursor=x", ""),
            400,
            "INVALID_PARAMETER",
        ),
        (
            "a provider nobody knows",
            get("/v1/models?gateway=opnai", ""),
            404,
            "PROVIDER_NOT_FOUND",
        ),
        (
            "a head that does not end",
            "GET /health HTTP/1.1\r\nhost".to_owned(),
            408,
            "REQUEST_TIMEOUT",
        ),
    ];
    for (what, bytes, status, code) in cases {
        let answer = raw(gateway.addr, bytes).await;
        eprintln!("{what}: {}", answer.status);
        let error = answer.is_problem(status, code);
        match code {
            "METHOD_NOT_ALLOWED" => assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS")),
            "ROUTE_NOT_FOUND" => assert_eq!(error["suggestions"][0], "/v1/models"),
            "PROVIDER_NOT_FOUND" if what.contains("nobody") => assert_eq!(error["suggestions"][0], "openai"),
            _ => {}
        }
    }
    assert_eq!(gateway.get("/health").await.status, 200);
}

/// A caller that writes more than it may still reads why.
#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_over() {
    let gateway = Gateway::start(Settings::new().file(SMALL)).await;
    let mut client = gateway.connect().await;
    client.write("GET /health HTTP/1.1\r\nx: ").await.unwrap();
    // More than the kernel's buffers hold: the gateway does not read on, and does not wait for the end.
    let endless = async {
        let block = [b'y'; 4096];
        for _ in 0..10_000 {
            if client.socket.write_all(&block).await.is_err() {
                return;
            }
        }
    };
    let ended = tokio::time::timeout(SOON, endless).await;
    assert!(ended.is_ok(), "the gateway goes on taking a head of 40 MB");
    assert_eq!(gateway.get("/health").await.status, 200);
}

#[tokio::test]
async fn names_of_requests_are_echoed_or_replaced() {
    let gateway = Gateway::start(Settings::new()).await;
    let mut client = gateway.connect().await;
    for path in ["/health", "/nowhere"] {
        let answer = client
            .send("GET", path, &[("X-Request-Id", "abc-1.2:3/4")])
            .await
            .unwrap();
        assert_eq!(answer.header("x-request-id"), Some("abc-1.2:3/4"));
    }
    let long = "a".repeat(129);
    for bad in ["a b", "a\tb", "\"a\"", "{}", "", &long] {
        let answer = client.send("GET", "/nowhere", &[("x-request-id", bad)]).await.unwrap();
        let id = answer.header("x-request-id").unwrap();
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{bad:?}: {id}"
        );
        answer.is_problem(404, "ROUTE_NOT_FOUND");
    }
    let (one, other) = (
        client.get("/health").await.unwrap(),
        client.get("/health").await.unwrap(),
    );
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn the_older_and_the_newer_protocol_are_spoken() {
    let gateway = Gateway::start(Settings::new()).await;
    let mut old = gateway.connect().await;
    old.write("GET /health HTTP/1.0\r\n\r\n").await.unwrap();
    let answer = old.answer(false).await.unwrap();
    assert_eq!((answer.status, answer.version.as_str()), (200, "HTTP/1.0"));
    assert!(old.closed(SOON).await);

    // Several at once on one connection are answered in their order.
    let mut client = gateway.connect().await;
    let paths = ["/health", "/nowhere", "/health/quick"];
    let all: String = paths
        .map(|path| head("GET", path, &[("x-request-id", &path.replace('/', "-"))]))
        .concat();
    client.write(all).await.unwrap();
    for path in paths {
        let answer = client.answer(false).await.unwrap();
        assert_eq!(answer.header("x-request-id"), Some(path.replace('/', "-").as_str()));
    }

    // HTTP/2 without having asked for it, as load balancers speak it.
    let socket = tokio::net::TcpStream::connect(gateway.addr).await.unwrap();
    let (mut sender, connection) = crate::h2::handshake(socket).await;
    tokio::spawn(connection);
    let (status, body) = crate::h2::get(&mut sender, "http://localhost/health").await;
    assert_eq!(status, 200);
    assert!(body.starts_with(b"{"));
    let (status, body) = crate::h2::get(&mut sender, "http://localhost/nowhere").await;
    assert_eq!(status, 404);
    assert!(String::from_utf8(body).unwrap().contains("ROUTE_NOT_FOUND"));
}

#[tokio::test]
async fn web_pages_of_known_sites_may_call() {
    let gateway = Gateway::start(Settings::new().env("CORS_ORIGINS", "https://app.example.com")).await;
    let mut client = gateway.connect().await;
    let answer = client.send("OPTIONS", "/v1/models", &[]).await.unwrap();
    assert_eq!(
        (answer.status, answer.header("allow")),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    client
        .send("OPTIONS", "/nowhere", &[])
        .await
        .unwrap()
        .is_problem(404, "ROUTE_NOT_FOUND");

    let mut preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ];
        client.send("OPTIONS", "/v1/models", &headers).await.unwrap()
    };
    for origin in ["http://localhost:3000", "https://app.example.com"] {
        let answer = preflight(origin).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("GET"));
        assert!(
            answer
                .header("access-control-allow-headers")
                .unwrap()
                .contains("authorization")
        );
    }
    for origin in ["https://evil.example", "http://localhost.evil.example", "null"] {
        assert_eq!(
            preflight(origin).await.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
    let answer = client
        .send("GET", "/health", &[("origin", "http://localhost:3000")])
        .await
        .unwrap();
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    let answer = client
        .send("GET", "/nowhere", &[("origin", "http://localhost:3000")])
        .await
        .unwrap();
    answer.is_problem(404, "ROUTE_NOT_FOUND");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    let answer = client
        .send("GET", "/health", &[("origin", "https://evil.example")])
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, None)
    );
}

/// What waits in the kernel when a connection is refused must not take the answer away from its caller.
#[tokio::test]
async fn an_answer_to_half_a_body_arrives() {
    let gateway = Gateway::start(Settings::new().file(SMALL)).await;
    let mut client: Client = gateway.connect().await;
    client
        .write("GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 5000000\r\n\r\n")
        .await
        .unwrap();
    client.write(vec![b'x'; 100_000]).await.ok();
    client.answer(false).await.unwrap().is_problem(413, "PAYLOAD_TOO_LARGE");
    let healthy = async || gateway.get("/health").await.status == 200;
    eventually(SOON, healthy).await.unwrap();
}

#[tokio::test]
async fn bodies_are_taken_whole_in_time_and_as_json() {
    let settings = Settings::new().file(SMALL).file("body_timeout = \"500ms\"");
    let gateway = Gateway::start(settings).await;
    let post = |headers: &str, body: &str| {
        format!("POST /v1/models/batch-compare HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n{body}")
    };
    let json = "content-type: application/json\r\n";
    let long = "x".repeat(2000);
    let chunked = format!("transfer-encoding: chunked\r\n{json}");
    let of_length = |n: usize| format!("content-length: {n}\r\n{json}");
    for (what, bytes, status, code) in [
        (
            "chunks over the limit",
            post(&chunked, &format!("7d0\r\n{long}\r\n0\r\n\r\n")),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        // As much as was announced in a chunk, which never comes.
        (
            "a chunk that is announced",
            post(&chunked, &format!("fffffff\r\n{long}")),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        ("no chunk at all", post(&chunked, "zz\r\n"), 400, "MALFORMED_REQUEST"),
        (
            "another type",
            post("content-length: 2\r\ncontent-type: text/plain\r\n", "{}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "no type",
            post("content-length: 2\r\n", "{}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("no JSON", post(&of_length(1), "{"), 400, "INVALID_REQUEST_BODY"),
        (
            "fields without names",
            post(&of_length(17), r#"[["a"], "price"] "#),
            400,
            "INVALID_REQUEST_BODY",
        ),
        (
            "chunks of another coding",
            post(
                &format!("transfer-encoding: gzip, chunked\r\n{json}"),
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            400,
            "MALFORMED_REQUEST",
        ),
        ("half a body", post(&of_length(100), "{"), 408, "REQUEST_TIMEOUT"),
        ("half a chunk", post(&chunked, "5\r\n{"), 408, "REQUEST_TIMEOUT"),
    ] {
        let answer = raw(gateway.addr, bytes).await;
        eprintln!("{what}: {}", answer.status);
        answer.is_problem(status, code);
    }

    // A byte now and then is not in time either.
    let mut client = gateway.connect().await;
    client.write(post(&of_length(500), "")).await.unwrap();
    let mut turns = tokio::time::interval(std::time::Duration::from_millis(50));
    let answer = loop {
        tokio::select! {
            answer = client.answer(false) => break answer.unwrap(),
            _ = turns.tick() => {}
        }
        client.write(" ").await.ok();
    };
    answer.is_problem(408, "REQUEST_TIMEOUT");

    // One in time leaves the connection as it was.
    let mut client = gateway.connect().await;
    for _ in 0..2 {
        client.write(post(&of_length(2), "")).await.unwrap();
        client.write("{}").await.unwrap();
        client.answer(false).await.unwrap().is_problem(400, "INVALID_PARAMETER");
    }
}
