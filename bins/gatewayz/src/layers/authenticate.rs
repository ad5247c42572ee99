//! Who is calling, and whether they may: by the policy of the route that was matched.
//!
//! The keys of administrators are checked here; those of the store are asked for one by one.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use gatewayz_providers::Secret;
use gatewayz_store::{AccountStore as _, KeyDigest, Role};
use http::{Response, header};
use ring::hmac;
use tower::Service;

use crate::{
    app::App,
    http::{Access, Answer, Body, Call, Caller, Code, Problem},
};

/// The longest key that is looked at.
const LONGEST_KEY: usize = 256;

/// The key of administrators, and the secret under which keys of the store are digested.
pub(crate) struct AdminKeys {
    /// Under a random key of this process, so that comparing takes the same time whatever is wrong.
    own: hmac::Key,
    admin: Option<hmac::Tag>,
    store: Option<hmac::Key>,
}

impl std::fmt::Debug for AdminKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminKeys")
            .field("admin", &self.admin.is_some())
            .field("store", &self.store.is_some())
            .finish_non_exhaustive()
    }
}

impl AdminKeys {
    /// Those of a configuration.
    pub(crate) fn new(admin: Option<&Secret>, store: Option<&Secret>) -> Self {
        let own = hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>());
        Self {
            admin: admin.map(|key| hmac::sign(&own, key.expose().as_bytes())),
            store: store.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())),
            own,
        }
    }

    /// Whether there is a key that administrators could have.
    pub(crate) const fn any(&self) -> bool {
        self.admin.is_some() || self.store.is_some()
    }

    fn is_admin(&self, key: &[u8]) -> bool {
        self.admin
            .as_ref()
            .is_some_and(|admin| hmac::verify(&self.own, key, admin.as_ref()).is_ok())
    }

    /// The digest under which the store knows a key.
    fn digest(&self, key: &[u8]) -> Option<KeyDigest> {
        let tag = hmac::sign(self.store.as_ref()?, key);
        <[u8; 32]>::try_from(tag.as_ref()).ok().map(KeyDigest::new)
    }
}

/// Lets calls pass that may.
#[derive(Clone, Debug)]
pub(super) struct Authenticate<S> {
    app: &'static Arc<App>,
    inner: S,
}

impl<S> Authenticate<S> {
    pub(super) const fn new(app: &'static Arc<App>, inner: S) -> Self {
        Self { app, inner }
    }
}

/// What can be said of a call without asking the store.
enum Verdict {
    Pass(Caller),
    Refuse(Problem),
    Ask(KeyDigest),
}

fn judge(app: &App, call: &Call) -> Verdict {
    let access = call.route.access;
    let anonymous = Verdict::Pass(Caller::Anonymous);
    let is_open = match access {
        Access::Public => true,
        Access::Local => app.is_local(&call.peer),
        Access::CacheAdmin => app.config().admin.open,
        Access::Key | Access::Admin => false,
    };
    if is_open {
        return anonymous;
    }
    let keys = app.admin_keys.load();
    let needs = if access == Access::Key {
        "an API key"
    } else {
        "the key of administrators"
    };
    let missing = |message: String| Verdict::Refuse(Problem::new(Code::InvalidApiKey, message));
    let Some(value) = call.head.headers.get(header::AUTHORIZATION) else {
        let how = format!("this needs {needs}: send `Authorization: Bearer ..`");
        if !keys.any() {
            let set = "set ADMIN_API_KEY (at least 16 characters) and start the gateway anew".to_owned();
            return Verdict::Refuse(Problem::new(Code::InvalidApiKey, how).suggest([set]));
        }
        return missing(how);
    };
    if call.head.headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return missing("there is more than one `Authorization`".to_owned());
    }
    let key = value.as_bytes();
    let key = key
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case(b"Bearer "))
        .and_then(|_| key.get(7..))
        .map(<[u8]>::trim_ascii)
        .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY && key.iter().all(u8::is_ascii_graphic));
    let Some(key) = key else {
        return missing(format!("this needs {needs} in the form `Authorization: Bearer ..`"));
    };
    if keys.is_admin(key) {
        return Verdict::Pass(Caller::Admin("admin".to_owned()));
    }
    match keys.digest(key).filter(|_| has_shape(key)) {
        Some(digest) => Verdict::Ask(digest),
        None => missing("this key is not known".to_owned()),
    }
}

/// Whether the store could have such a key: nothing else is worth asking for.
fn has_shape(key: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 4] = [b"gw_live_", b"gw_test_", b"gw_staging_", b"gw_dev_"];
    // A full key has 51 characters, a temporary one less than 40.
    key.len() <= 64
        && PREFIXES
            .iter()
            .any(|prefix| key.len() > prefix.len() && key.starts_with(prefix))
}

async fn ask(app: &App, digest: KeyDigest, access: Access) -> Result<Caller, Problem> {
    let record = app.store.key_by_digest(digest).await.map_err(|error| {
        Problem::new(Code::Unavailable, "whether this key is known cannot be said at present").detail(error.to_string())
    })?;
    let unknown = || Problem::new(Code::InvalidApiKey, "this key is not known, or no longer good");
    let record = record
        .filter(|record| record.is_usable(app.node.time().wall()))
        .ok_or_else(unknown)?;
    if !record.ip_allowlist.is_empty() || !record.domain_referrers.is_empty() {
        // Where a key may be used from is not looked at here yet, and a restriction that is not looked at is not one.
        let message = "keys that are good from some addresses or sites only are not taken here";
        return Err(Problem::new(Code::Forbidden, message));
    }
    let name = format!("key {}", record.id);
    if record.user.role == Role::Admin {
        return Ok(Caller::Admin(name));
    }
    if access == Access::Key {
        return Ok(Caller::Key(name));
    }
    Err(Problem::new(Code::Forbidden, "only administrators may do this"))
}

impl<S> Service<Call> for Authenticate<S>
where
    S: Service<Call, Response = Response<Body>, Error = Infallible, Future = Answer> + Clone + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut call: Call) -> Answer {
        match judge(self.app, &call) {
            Verdict::Pass(caller) => {
                call.caller = caller;
                self.inner.call(call)
            }
            Verdict::Refuse(problem) => {
                if problem.code() == Code::InvalidApiKey {
                    tracing::info!(route = call.route.name, peer = %call.peer.address, request_id = %call.id, "refused");
                }
                Answer::now(problem.into_response(&call.id))
            }
            Verdict::Ask(digest) => {
                let (app, mut inner) = (self.app, self.inner.clone());
                Answer::later(async move {
                    match ask(app, digest, call.route.access).await {
                        Ok(caller) => {
                            call.caller = caller;
                            match inner.call(call).await {
                                Ok(response) => response,
                                Err(never) => match never {},
                            }
                        }
                        Err(problem) => problem.into_response(&call.id),
                    }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::has_shape;

    #[test]
    fn only_what_looks_like_a_key_is_asked_for() {
        assert!(has_shape(b"gw_live_0123456789abcdef"));
        for key in [&b"gw_live_"[..], b"gw_", b"gw_prod_0123456789", b"sk-1234", &[b'x'; 51]] {
            assert!(!has_shape(key));
        }
        assert!(!has_shape(format!("gw_test_{}", "x".repeat(60)).as_bytes()));
    }
}
