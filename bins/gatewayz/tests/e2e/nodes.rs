//! Two gateways over one Redis and one PostgreSQL.

use gatewayz_testkit::{Postgres, RedisServer, eventually};
use tokio::task::JoinSet;

use crate::{
    client::Client,
    gateway::{Database, Gateway, SOON, Settings},
};

const ALL: &str = "/v1/models?gateway=all";

struct Cluster {
    postgres: Postgres,
    redis: RedisServer,
    settings: Settings,
    nodes: [Gateway; 2],
}

impl Cluster {
    async fn start(settings: Settings) -> Self {
        let postgres = Postgres::start().await.unwrap();
        let redis = RedisServer::start().await.unwrap();
        let settings = settings.database(postgres.url()).redis(&redis);
        // The first one fills the store; the others find it filled.
        drop(Gateway::start(settings.clone()).await);
        redis.command(&["FLUSHALL"]).await.unwrap();
        let nodes = [
            Gateway::start(settings.clone()).await,
            Gateway::start(settings.clone()).await,
        ];
        for node in &nodes {
            eventually(SOON, async || node.redis_is_up().await).await.unwrap();
        }
        Self {
            postgres,
            redis,
            settings,
            nodes,
        }
    }

    async fn fills(&self) -> f64 {
        self.nodes[0].fills().await + self.nodes[1].fills().await
    }

    fn database(&self) -> Database<'_> {
        Database::Postgres(&self.postgres, "postgres")
    }
}

async fn total(node: &Gateway) -> u64 {
    let answer = node.get(ALL).await;
    assert_eq!(answer.status, 200);
    answer.json()["total"].as_u64().unwrap()
}

#[tokio::test]
async fn two_nodes_over_postgres_and_redis_serve_the_same_bytes() {
    let cluster = Cluster::start(Settings::new()).await;
    let [one, other] = &cluster.nodes;
    for path in [
        ALL,
        "/v1/models",
        "/v1/models?gateway=all&limit=7&offset=50",
        "/v1/models?gateway=all&unique_models=true",
    ] {
        let (here, there) = (one.get(path).await, other.get(path).await);
        assert_eq!((here.status, there.status), (200, 200));
        assert_eq!(here.header("etag"), there.header("etag"), "{path}");
        assert_eq!(here.body, there.body, "{path}");
    }
    assert!(cluster.redis.keys_without_expiry().await.unwrap().is_empty());
    // A third one, which starts later, reads what the others have read.
    let third = Gateway::start(cluster.settings.clone()).await;
    assert_eq!(third.get(ALL).await.body, one.get(ALL).await.body);
    assert!(third.fills().await < 1.0);
}

/// What somebody deletes by hand is read anew, once for all; pages that were made of it are keys of their own.
#[tokio::test]
async fn two_nodes_over_postgres_see_what_is_deleted_in_redis_by_hand() {
    let cluster = Cluster::start(Settings::new()).await;
    let before = total(&cluster.nodes[0]).await;
    assert_eq!(total(&cluster.nodes[1]).await, before);
    let database = cluster.database();
    let fills = cluster.fills().await;
    database.hide("id = (SELECT min(id) FROM models)", true).await;
    cluster.redis.command(&["DEL", "models:catalog:full"]).await.unwrap();
    let mut limit = 0;
    for node in &cluster.nodes {
        let sees = || {
            // A page that nobody has asked for yet.
            limit += 1;
            let path = format!("{ALL}&limit={limit}");
            async move { node.get(&path).await.json()["total"] == before - 1 }
        };
        let took = eventually(SOON, sees).await.unwrap();
        eprintln!("DEL was seen after {took:?}");
    }
    let after = cluster.fills().await;
    assert!((after - fills - 1.0).abs() < f64::EPSILON, "{fills}, {after}");

    database.hide("id = (SELECT max(id) FROM models)", true).await;
    cluster.redis.command(&["FLUSHDB"]).await.unwrap();
    for node in &cluster.nodes {
        let sees = async || total(node).await == before - 2;
        let took = eventually(SOON, sees).await.unwrap();
        eprintln!("FLUSHDB was seen after {took:?}");
    }
    let last = cluster.fills().await;
    assert!(last > after, "{after}, {last}");
}

/// A read that begins on one node after the other one has said that it cleared sees what the database had by then.
#[tokio::test]
async fn two_nodes_over_postgres_clear_for_each_other() {
    let cluster = Cluster::start(Settings::new()).await;
    let [one, other] = &cluster.nodes;
    let all = total(one).await;
    let database = cluster.database();
    let mut reader = other.connect().await;
    for turn in 0..10 {
        let hidden = turn % 2 == 0;
        database.hide("id = (SELECT min(id) FROM models)", hidden).await;
        assert_eq!(one.admin("POST", "/cache/clear").await.status, 200);
        let read = reader.get(ALL).await.unwrap().json();
        assert_eq!(read["total"], all - u64::from(hidden), "turn {turn}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_over_postgres_load_once_for_many_callers() {
    let cluster = Cluster::start(Settings::new().file("[cache]\nwarm_on_startup = false")).await;
    let before = cluster.fills().await;
    assert!(before < 1.0, "{before}");
    let mut callers = JoinSet::new();
    for n in 0..200 {
        let addr = cluster.nodes[n % 2].addr;
        callers.spawn(async move {
            let mut client = Client::connect(addr).await.unwrap();
            client.get(ALL).await.unwrap()
        });
    }
    let answers = callers.join_all().await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    let fills = cluster.fills().await;
    assert!((fills - 1.0).abs() < f64::EPSILON, "{fills} loads");
}
