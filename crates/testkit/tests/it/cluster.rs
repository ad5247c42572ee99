use std::time::Duration;

use gatewayz_testkit::{RedisCluster, Reply, eventually};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn three_primaries_share_all_slots() {
    let cluster = RedisCluster::start(3).await.unwrap();
    assert_eq!(
        (
            cluster.nodes().len(),
            cluster.primaries().len(),
            cluster.replicas().len()
        ),
        (3, 3, 0)
    );
    let [a, b, c] = cluster.nodes() else {
        panic!("three nodes")
    };
    assert_eq!(
        cluster.url(),
        format!("redis-cluster://{}?node={}&node={}", a.addr(), b.addr(), c.addr())
    );
    assert_eq!(cluster.urls(), [a.url(), b.url(), c.url()]);

    // Slots 12182, 866 and 5061: one key on each node, and the others redirect to it.
    let mut owners = Vec::new();
    for key in ["foo", "hello", "bar"] {
        let owner = cluster.owner(key).await.unwrap();
        assert_eq!(owner.command(&["SET", key, "v"]).await.unwrap(), Reply::ok());
        for other in cluster.nodes().iter().filter(|node| node.addr() != owner.addr()) {
            let moved = other.command(&["GET", key]).await.unwrap();
            assert!(
                matches!(&moved, Reply::Error(text) if text.starts_with("MOVED") && text.ends_with(&owner.addr().to_string())),
                "{moved:?}"
            );
        }
        owners.push(owner.addr());
    }
    assert_eq!(owners, [c.addr(), a.addr(), a.addr()]);
}

#[tokio::test]
async fn a_node_restarted_empty_keeps_its_slots() {
    let cluster = RedisCluster::start(3).await.unwrap();
    let owner = cluster.owner("foo").await.unwrap();
    owner.command(&["SET", "foo", "v"]).await.unwrap();
    owner.restart_empty().await.unwrap();
    eventually(LONG, || async {
        owner
            .command(&["GET", "foo"])
            .await
            .is_ok_and(|reply| reply == Reply::Nil)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_replica_takes_its_primarys_place() {
    let cluster = RedisCluster::with_replicas(3).await.unwrap();
    assert_eq!((cluster.primaries().len(), cluster.replicas().len()), (3, 3));
    let (primary, replica) = (&cluster.primaries()[0], &cluster.replicas()[0]);
    primary.command(&["SET", "hello", "v"]).await.unwrap();
    // One replica has it.
    let acknowledged = primary.command(&["WAIT", "1", "5000"]).await.unwrap();
    assert!(matches!(acknowledged, Reply::Int(_)));
    primary.kill().await.unwrap();
    eventually(LONG, || async {
        replica
            .command(&["GET", "hello"])
            .await
            .is_ok_and(|reply| reply == Reply::text("v"))
    })
    .await
    .unwrap();
    assert_eq!(cluster.owner("hello").await.unwrap().addr(), replica.addr());
}
