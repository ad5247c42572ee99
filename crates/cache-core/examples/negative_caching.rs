//! A loader of one's own that can prove an absence, and fail.
//!
//! That a key does not exist is worth remembering: whoever guesses keys would otherwise reach the database with every
//! guess. That the database did not answer is not: the next caller asks again.
//!
//! `cargo run -p gatewayz-cache-core --example negative_caching`
#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{Cache, CacheStatus, Keyspace, Loaded, Loader, Node, Policy};

/// Ten minutes for a user who exists, five seconds for one who does not: somebody may be signing up.
const USERS: Keyspace = Keyspace::new(
    "demo:user",
    Policy::new(Duration::from_secs(600)).with_negative(Duration::from_secs(5)),
);

/// A user in the database.
#[derive(Clone, Debug, PartialEq)]
struct User {
    name: &'static str,
    locked: bool,
}

/// The database: it counts its queries, and may be down.
#[derive(Default)]
struct Database {
    users: HashMap<u64, User>,
    queries: AtomicU32,
    is_down: AtomicBool,
}

#[derive(Debug)]
struct DatabaseDown;

impl fmt::Display for DatabaseDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database does not answer")
    }
}

impl Error for DatabaseDown {}

impl Loader<u64, User> for Database {
    type Error = DatabaseDown;

    async fn load(&self, id: &u64) -> Result<Loaded<User>, DatabaseDown> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(DatabaseDown);
        }
        Ok(match self.users.get(id) {
            // A locked user may be unlocked any moment: its own, shorter ttl.
            Some(user) if user.locked => Loaded::found(user.clone()).with_ttl(Duration::from_secs(10)),
            Some(user) => Loaded::found(user.clone()),
            // No error: the database is sure of it.
            None => Loaded::absent(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let ada = User {
        name: "Ada",
        locked: false,
    };
    let bob = User {
        name: "Bob",
        locked: true,
    };
    let database = Arc::new(Database {
        users: HashMap::from([(1, ada.clone()), (2, bob.clone())]),
        ..Database::default()
    });
    let queries = || database.queries.load(Ordering::Relaxed);

    let node = Node::alone();
    // `local_cache`: values stay in this process, so they need not be serialisable.
    let users: Cache<u64, User> = node.local_cache(USERS).build()?;

    for (id, user) in [(1, &ada), (2, &bob)] {
        let found = users.get_or_load(&id, &database).await?;
        assert_eq!(found.value.as_deref(), Some(user));
        println!("user {id} is {}", user.name);
    }
    assert_eq!(queries(), 2);

    // A thousand guesses of one absent id: one query.
    for _ in 0..1000 {
        assert_eq!(users.get_or_load(&404, &database).await?.value, None);
    }
    let negative = users.get_or_load(&404, &database).await?;
    assert_eq!((negative.value, negative.status), (None, CacheStatus::LocalHit));
    assert_eq!(queries(), 3);
    println!("1000 look-ups of user 404: absent, after {} query", queries() - 2);

    // The database goes away. What is known is served; what is not known is an error, and is not remembered.
    database.is_down.store(true, Ordering::Relaxed);
    assert_eq!(users.get_or_load(&1, &database).await?.value.as_deref(), Some(&ada));
    let Err(error) = users.get_or_load(&3, &database).await else {
        return Err("a failed load must not look like an absent user".into());
    };
    let own = error
        .loader::<DatabaseDown>()
        .ok_or("the loader's own error comes back")?;
    println!("user 3 meanwhile: {error}: {own}; answer 503, not 404");

    database.is_down.store(false, Ordering::Relaxed);
    assert_eq!(users.get_or_load(&3, &database).await?.value, None);
    println!("user 3 afterwards: absent");

    // Whoever creates the user says so, and the remembered absence goes as any value would.
    let _acknowledged = users.invalidate([&404]).await;
    assert!(users.peek(&404).is_none());
    Ok(())
}
