use std::{io::Read, time::Duration};

use bytes::Bytes;
use flate2::read::GzDecoder;
use gatewayz_testkit::{
    Cut, RecordedError, SimulatedProvider, eventually,
    simulated::{Fault, Reply, Route, recorded_lists},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(20);

/// What came over the wire.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn length(&self) -> Option<usize> {
        let line = self
            .head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))?;
        line.parse().ok()
    }
}

/// A client of HTTP/1.1 that keeps its connection.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn new(provider: &SimulatedProvider) -> Self {
        Self(BufReader::new(TcpStream::connect(provider.addr()).await.unwrap()))
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn get(&mut self, target: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        self.receive().await
    }

    async fn receive(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if let Some(length) = answer.length() {
            answer.body.resize(length, 0);
            self.0.read_exact(&mut answer.body).await.unwrap();
        } else if answer.head.contains("transfer-encoding: chunked") {
            loop {
                let mut size = String::new();
                self.0.read_line(&mut size).await.unwrap();
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                self.0.read_exact(&mut chunk).await.unwrap();
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        answer
    }

    /// Everything up to the end of the connection, and whether that was orderly.
    async fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut rest = Vec::new();
        let done = timeout(LONG, self.0.read_to_end(&mut rest)).await.unwrap();
        (rest, done.is_ok())
    }
}

async fn provider_with(path: &str, route: impl Into<Route>) -> (SimulatedProvider, Client) {
    let provider = SimulatedProvider::start().await.unwrap();
    provider.route(path, route);
    let client = Client::new(&provider).await;
    (provider, client)
}

#[tokio::test]
async fn routes_are_served_over_one_connection_and_recorded() {
    let (provider, mut client) = provider_with("/v1/models", Reply::json("[1]")).await;
    assert_eq!(provider.url(), format!("http://{}", provider.addr()));
    let answer = client.get("/v1/models?limit=2&after=a%20b&flag").await;
    assert_eq!((answer.status, answer.text()), (200, "[1]"));
    assert!(answer.head.contains("content-type: application/json\r\n"));
    assert_eq!(client.get("/other").await.status, 404);
    client
        .send("POST /v1/models HTTP/1.1\r\nX-Key: secret\r\nContent-Length: 4\r\n\r\nbody")
        .await;
    assert_eq!(client.receive().await.text(), "[1]");
    client
        .send("POST /v1/models HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.receive().await.text(), "[1]");
    client
        .send("HEAD /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")
        .await;
    let (head, _) = client.rest().await;
    let head = String::from_utf8(head).unwrap();
    assert!(
        head.contains("content-length: 3\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );

    let requests = provider.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.method.as_str(), request.path()))
        .collect();
    assert_eq!(
        seen,
        [
            ("GET", "/v1/models"),
            ("GET", "/other"),
            ("POST", "/v1/models"),
            ("POST", "/v1/models"),
            ("HEAD", "/v1/models")
        ]
    );
    let (first, third) = (&requests[0], &requests[2]);
    assert_eq!(first.target, "/v1/models?limit=2&after=a%20b&flag");
    assert_eq!((first.query("limit"), first.query("after")), (Some("2"), Some("a%20b")));
    assert_eq!((first.query("flag"), first.query("lim")), (Some(""), None));
    assert_eq!(
        (third.header("x-key"), third.header("authorization")),
        (Some("secret"), None)
    );
    assert_eq!((&third.body[..], &requests[3].body[..]), (&b"body"[..], &b"body"[..]));
    assert_eq!(provider.requests_to("/v1/models").len(), 4);
    provider.forget_requests();
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_function_makes_pages() {
    let pages = Route::of(|request| match request.query("page") {
        None => Reply::json("first").header("x-next", "2"),
        Some(page) => Reply::json(format!("page {page}")),
    });
    let (_provider, mut client) = provider_with("/list", pages).await;
    let first = client.get("/list").await;
    assert!(first.text() == "first" && first.head.contains("x-next: 2\r\n"));
    assert_eq!(client.get("/list?page=2").await.text(), "page 2");
}

#[tokio::test]
async fn a_long_list_is_made_while_it_is_sent() {
    let (provider, mut client) = provider_with("/long", Reply::models(1_050)).await;
    provider.route("/empty", Reply::models(0));
    let list: serde_json::Value = serde_json::from_slice(&client.get("/long").await.body).unwrap();
    let rows = list["data"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[1_049]["id"]),
        (1_050, &"simulated/model-000001049".into())
    );
    assert_eq!(client.get("/empty").await.text(), r#"{"object":"list","data":[]}"#);

    // A hundred megabytes: read up to the tenth, and left.
    provider.route("/huge", Reply::models(1_000_000));
    client.send("GET /huge HTTP/1.1\r\n\r\n").await;
    let mut part = vec![0; 10 << 20];
    client.0.read_exact(&mut part).await.unwrap();
    drop(client);
    eventually(LONG, || async { provider.open_connections() == 0 })
        .await
        .unwrap();
}

#[tokio::test]
async fn some_failures_and_then_success() {
    let (provider, mut client) = provider_with("/a", Reply::json("ok")).await;
    let busy = Reply::status(429).header("retry-after", "7").body("slow down");
    provider.fault_times("/a", 2, Fault::instead(busy));
    for _ in 0..2 {
        let answer = client.get("/a").await;
        assert_eq!((answer.status, answer.text()), (429, "slow down"));
        assert!(answer.head.contains("retry-after: 7\r\n"));
    }
    assert_eq!(client.get("/a").await.text(), "ok");
    provider.fault_times("/a", 0, Fault::Hang);
    assert_eq!(client.get("/a").await.text(), "ok");
}

#[tokio::test]
async fn faults_are_set_and_healed_by_path() {
    let (provider, mut client) = provider_with("/a/models", Reply::json("ok")).await;
    provider.fault("/*", Fault::instead(Reply::status(503)));
    provider.fault("/a/models", Fault::instead(Reply::html("<html>")));
    let page = client.get("/a/models").await;
    assert!(page.status == 200 && page.text() == "<html>" && page.head.contains("text/html"));
    provider.heal("/a/models");
    assert_eq!(client.get("/a/models").await.status, 503);
    provider.heal_all();
    assert_eq!(client.get("/a/models").await.text(), "ok");
    provider.fault("/a/models", Fault::instead(Reply::redirect(307, "/b")));
    let answer = client.get("/a/models").await;
    assert!(answer.status == 307 && answer.head.contains("location: /b\r\n"));
    provider.fault("/a/models", Fault::instead(Reply::status(304)));
    let answer = client.get("/a/models").await;
    assert!(answer.status == 304 && answer.length().is_none());
}

#[tokio::test]
async fn a_hang_lasts_until_the_client_goes() {
    let (provider, mut client) = provider_with("/a", Reply::json("0123456789")).await;
    provider.fault("/a", Fault::Hang);
    client.send("GET /a HTTP/1.1\r\n\r\n").await;
    assert!(timeout(SHORT, client.0.read_u8()).await.is_err());
    assert_eq!((provider.requests().len(), provider.open_connections()), (1, 1));
    drop(client);
    eventually(LONG, || async { provider.open_connections() == 0 })
        .await
        .unwrap();

    let mut client = Client::new(&provider).await;
    provider.fault("/a", Fault::HangAfter(4));
    client.send("GET /a HTTP/1.1\r\n\r\n").await;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        client.0.read_line(&mut head).await.unwrap();
    }
    let mut body = [0; 4];
    client.0.read_exact(&mut body).await.unwrap();
    assert!(head.contains("content-length: 10\r\n") && &body == b"0123", "{head}");
    assert!(timeout(SHORT, client.0.read_u8()).await.is_err());
}

#[tokio::test]
async fn a_connection_is_cut_within_the_body() {
    let (provider, _) = provider_with("/a", Reply::json("0123456789")).await;
    provider.route(
        "/lazy",
        Reply::lazy(|| std::iter::repeat_n(Bytes::from_static(b"01234"), 3)),
    );
    let spoil = async |path: &str, fault: Fault| {
        provider.fault(path, fault);
        let mut client = Client::new(&provider).await;
        client.send(&format!("GET {path} HTTP/1.1\r\n\r\n")).await;
        client.rest().await
    };
    let (rest, orderly) = spoil("/a", Fault::CutAfter(4, Cut::Finish)).await;
    assert!(orderly && rest.ends_with(b"\r\n\r\n0123"), "{rest:?}");
    let (rest, orderly) = spoil("/a", Fault::CutAfter(0, Cut::Finish)).await;
    assert!(orderly && rest.ends_with(b"\r\n\r\n"), "{rest:?}");
    let (rest, orderly) = spoil("/lazy", Fault::CutAfter(7, Cut::Finish)).await;
    assert!(orderly && rest.ends_with(b"5\r\n01234\r\n2\r\n01\r\n"), "{rest:?}");
    let (_, orderly) = spoil("/a", Fault::CutAfter(4, Cut::Reset)).await;
    assert!(!orderly);
    let (rest, orderly) = spoil("/a", Fault::Drop(Cut::Finish)).await;
    assert!(orderly && rest.is_empty());
    let (rest, orderly) = spoil("/a", Fault::Drop(Cut::Reset)).await;
    assert!(!orderly && rest.is_empty());
    let (rest, orderly) = spoil("/a", Fault::Rubbish(Bytes::from_static(b"\0\xffSSH-2.0\r\n"))).await;
    assert!(orderly && rest == b"\0\xffSSH-2.0\r\n");
    let (rest, _) = spoil("/a", Fault::ContentLength(4)).await;
    let text = String::from_utf8(rest).unwrap();
    assert!(text.contains("content-length: 4\r\n") && text.ends_with("0123456789"));
    let (rest, _) = spoil("/lazy", Fault::ContentLength(1_000)).await;
    let text = String::from_utf8(rest).unwrap();
    assert!(text.contains("content-length: 1000\r\n") && text.ends_with("\r\n\r\n012340123401234"));
}

#[tokio::test]
async fn answers_are_late_or_drip() {
    let (provider, mut client) = provider_with("/a", Reply::json("0123456789")).await;
    provider.fault("/a", Fault::Late(SHORT));
    let took = |start: tokio::time::Instant| tokio::time::Instant::now() - start;
    let start = tokio::time::Instant::now();
    assert_eq!(client.get("/a").await.text(), "0123456789");
    assert!(took(start) >= SHORT);
    provider.fault("/a", Fault::Drip(2, SHORT / 5));
    let start = tokio::time::Instant::now();
    assert_eq!(client.get("/a").await.text(), "0123456789");
    assert!(took(start) >= SHORT / 5 * 4);
}

#[tokio::test]
async fn packed_bodies_and_bombs() {
    let (provider, mut client) = provider_with("/a", Reply::models(3).gzip().unwrap()).await;
    provider.route("/bomb", Reply::gzip_bomb(1 << 30));
    let answer = client.get("/a").await;
    assert!(answer.head.contains("content-encoding: gzip\r\n"));
    let mut unpacked = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked.contains("model-000000002"));

    let answer = client.get("/bomb").await;
    assert!(answer.body.len() < 2 << 20, "{}", answer.body.len());
    let mut unpacked = vec![1; 3 << 20];
    GzDecoder::new(&*answer.body).read_exact(&mut unpacked).unwrap();
    assert!(unpacked.iter().all(|&byte| byte == 0));
}

#[test]
fn a_test_without_a_runtime_may_block() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let provider = runtime.block_on(SimulatedProvider::start()).unwrap();
    drop(runtime);
    provider.route("/a", Reply::json("ok"));
    let mut stream = std::net::TcpStream::connect(provider.addr()).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    drop(provider);
    assert!(std::net::TcpStream::connect(stream.peer_addr().unwrap()).is_err());
}

#[tokio::test]
async fn a_route_that_panics_ends_its_connection_alone() {
    let (provider, mut client) = provider_with("/bad", Route::of(|_| panic!("as it should"))).await;
    provider.route("/good", Reply::json("ok"));
    client.send("GET /bad HTTP/1.1\r\n\r\n").await;
    assert!(client.rest().await.0.is_empty());
    assert_eq!(Client::new(&provider).await.get("/good").await.text(), "ok");
}

#[tokio::test]
async fn recorded_lists_are_served_as_they_were() {
    let lists = match recorded_lists() {
        Err(RecordedError::Absent(absent)) => {
            eprintln!("{absent}");
            return;
        }
        lists => lists.unwrap(),
    };
    let (provider, mut client) = provider_with("/x", Reply::status(200)).await;
    provider.serve(&lists);
    for list in &lists {
        // A segment that may be any.
        let path = list.path.replace(['{', '}'], "");
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let rows = list.list_path.as_ref().map_or(&body, |key| &body[key]);
        assert_eq!(rows.as_array().unwrap().len(), list.pages[0].records, "{}", list.name);
        assert!(list.name.starts_with(&list.slug), "{}", list.name);
    }
    let by_name = |name: &str| lists.iter().find(|list| list.name == name).unwrap();
    assert_eq!(by_name("openrouter").path, "/openrouter/api/v1/models");
    assert_eq!(by_name("featherless").records(), 7_849);
    assert_eq!(by_name("openrouter.2025-04-09").slug, "openrouter");
    let gemini = by_name("google-gemini");
    assert_eq!((gemini.pages.len(), gemini.records()), (2, 54));
    let (first, second) = (&gemini.pages[0], &gemini.pages[1]);
    let answer = client.get(&format!("{}?key=k&{}", gemini.path, second.query)).await;
    assert!(answer.body == second.body && first.body != second.body);
}
