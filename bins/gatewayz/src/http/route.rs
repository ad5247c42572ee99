//! What is served: every route with who may call it, what it takes and what it answers; and finding it.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::{Method, Response};

use super::{Body, Call, Code, Param, Problem};
use crate::{app::App, openapi::Answers, spelling::distance};

/// What comes of a call.
pub(crate) type Outcome = Result<Response<Body>, Problem>;

/// The methods that routes have. `HEAD` is `GET` without the body, `OPTIONS` is answered everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::PUT => Some(Self::Put),
            Method::DELETE => Some(Self::Delete),
            _ => None,
        }
    }
}

/// Who may call. It is part of the route, so that what is checked is what was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Public,
    /// Everybody on a listener that only this machine reaches, or that is for administration; administrators elsewhere.
    Local,
    /// Whoever has a key.
    Key,
    /// Administrators.
    Admin,
    /// Administrators; everybody where the administration of caches is open.
    CacheAdmin,
}

/// How long the answer may take to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// As long as the server is told.
    Usual,
    /// This long: for work that takes its time.
    Long(Duration),
}

/// What body a route takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload {
    /// None.
    None,
    /// JSON, or nothing.
    Json(fn(&mut crate::openapi::Book) -> serde_json::Value),
}

/// What answers.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// At once, without waiting for anything.
    Now(fn(&Arc<App>, &Call) -> Outcome),
    /// After waiting for something.
    Later(fn(Arc<App>, Call) -> BoxFuture<'static, Outcome>),
    /// At once where the answer is at hand, which is the usual case.
    AtHand {
        now: fn(&Arc<App>, &Call) -> Option<Outcome>,
        later: fn(Arc<App>, Call) -> BoxFuture<'static, Outcome>,
    },
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
            Self::AtHand { .. } => "AtHand",
        })
    }
}

/// One thing that is served.
#[derive(Debug)]
pub(crate) struct Route {
    /// The name in the documentation.
    pub(crate) name: &'static str,
    /// The method.
    pub(crate) verb: Verb,
    /// The paths, the usual one first: `{name}` is one segment, `{*name}` the rest. Behind the rest a path may go on
    /// with plain words: they are looked for at the end.
    pub(crate) paths: &'static [&'static str],
    /// Who may call.
    pub(crate) access: Access,
    /// How long the answer may take.
    pub(crate) deadline: Deadline,
    /// What it takes in the path and the query.
    pub(crate) params: &'static [Param],
    /// What it takes as body.
    pub(crate) payload: Payload,
    /// What answers.
    pub(crate) handler: Handler,
    /// The chapter of the documentation.
    pub(crate) chapter: &'static str,
    /// What it is for, in one line.
    pub(crate) summary: &'static str,
    /// What it answers.
    pub(crate) answers: Answers,
}

/// Finds routes.
pub(crate) struct Router {
    paths: matchit::Router<Served>,
    routes: Vec<&'static Route>,
}

/// What a path is served with.
#[derive(Debug, Default)]
struct Served {
    routes: [Option<&'static Route>; 4],
    names: Vec<&'static str>,
    allow: String,
    /// What is served where the rest of a path ends with certain words.
    tails: Vec<(&'static str, Served)>,
}

impl Served {
    /// What is served under a path, and how many of its last bytes are words behind the rest.
    fn under(&self, rest: Option<&str>) -> (&Self, usize) {
        let ends = |tail: &str| rest.is_some_and(|rest| rest.len() > tail.len() && rest.ends_with(tail));
        match self.tails.iter().find(|(tail, _)| ends(tail)) {
            Some((tail, served)) => (served, tail.len()),
            None => (self, 0),
        }
    }

    fn finish(&mut self) {
        let mut verbs: Vec<&str> = self.routes.iter().flatten().map(|route| route.verb.as_str()).collect();
        if verbs.first() == Some(&"GET") {
            verbs.insert(1, "HEAD");
        }
        verbs.push("OPTIONS");
        self.allow = verbs.join(", ");
        self.tails.iter_mut().for_each(|(_, served)| served.finish());
    }
}

/// What a router found.
#[derive(Debug)]
pub(crate) struct Found<'p> {
    /// The route.
    pub(crate) route: &'static Route,
    /// The variable parts of the path.
    pub(crate) segments: Vec<(&'static str, std::borrow::Cow<'p, str>)>,
}

/// Why there is no route.
#[derive(Debug)]
pub(crate) enum NotFound<'r> {
    /// The path is served, with these methods.
    Method(&'r str),
    /// The path is not served.
    Path,
    /// A part of the path is no text.
    Undecodable,
}

impl Router {
    /// A router of these routes.
    ///
    /// # Errors
    ///
    /// Says which two routes there are for one path.
    pub(crate) fn new(routes: Vec<&'static Route>) -> Result<Self, String> {
        let mut served: std::collections::BTreeMap<&'static str, Served> = std::collections::BTreeMap::new();
        for &route in &routes {
            for &path in route.paths {
                let (tree, tail) = apart(path);
                let mut entry = served.entry(tree).or_default();
                if !tail.is_empty() {
                    let at = entry.tails.iter().position(|(known, _)| *known == tail);
                    let at = at.unwrap_or_else(|| {
                        entry.tails.push((tail, Served::default()));
                        entry.tails.len() - 1
                    });
                    entry = &mut entry.tails[at].1;
                }
                let slot = &mut entry.routes[route.verb as usize];
                if let Some(other) = slot.replace(route) {
                    return Err(format!("{path} is served by `{}` and by `{}`", other.name, route.name));
                }
                entry.names = path
                    .split('/')
                    .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                    .map(|name| name.trim_start_matches('*'))
                    .collect();
            }
        }
        let mut paths = matchit::Router::new();
        for (path, mut entry) in served {
            entry.finish();
            paths
                .insert(path, entry)
                .map_err(|error| format!("{path} cannot be served: {error}"))?;
        }
        Ok(Self { paths, routes })
    }

    /// All routes.
    pub(crate) fn routes(&self) -> &[&'static Route] {
        &self.routes
    }

    /// The route of a request.
    pub(crate) fn find<'p>(&self, method: &Method, path: &'p str) -> Result<Found<'p>, NotFound<'_>> {
        // A slash at the end changes nothing.
        let trimmed = match path.strip_suffix('/') {
            Some("") | None => path,
            Some(trimmed) => trimmed,
        };
        let matched = self.paths.at(trimmed).map_err(|_no_path| NotFound::Path)?;
        let rest = matched.params.iter().last().map(|(_, value)| value);
        let (served, tail) = matched.value.under(rest);
        let route = Verb::of(method).and_then(|verb| served.routes[verb as usize]);
        let route = route.ok_or(NotFound::Method(&served.allow))?;
        let mut segments = Vec::with_capacity(served.names.len());
        for (&name, (_, value)) in served.names.iter().zip(matched.params.iter()) {
            let is_last = segments.len() + 1 == served.names.len();
            let value = if is_last { &value[..value.len() - tail] } else { value };
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
            segments.push((name, decoded.map_err(|_no_text| NotFound::Undecodable)?));
        }
        Ok(Found { route, segments })
    }

    /// The paths that are spelled most like one that is not served.
    pub(crate) fn nearest(&self, path: &str) -> Vec<String> {
        let mut near: Vec<(usize, &str)> = self
            .routes
            .iter()
            .flat_map(|route| route.paths)
            .map(|known| (distance(path, known), *known))
            .filter(|(far, known)| *far <= 2.max(known.len() / 4))
            .collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter().take(3).map(|(_, path)| path.to_owned()).collect()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

/// A path up to its rest, and what stands behind that.
fn apart(path: &'static str) -> (&'static str, &'static str) {
    let end = path
        .find("{*")
        .and_then(|rest| Some(rest + path[rest..].find('}')? + 1));
    path.split_at(end.unwrap_or(path.len()))
}

/// The problem of a request without a route.
impl NotFound<'_> {
    pub(crate) fn problem(&self, router: &Router, path: &str) -> Problem {
        let shown: String = path.chars().take(120).collect();
        match self {
            Self::Method(allow) => {
                Problem::new(Code::MethodNotAllowed, format!("this path is served with {allow}")).allow(allow)
            }
            Self::Path => Problem::new(Code::RouteNotFound, format!("nothing is served under {shown}"))
                .suggest(router.nearest(path)),
            Self::Undecodable => Problem::new(
                Code::MalformedRequest,
                "the path has an escape that is no text in UTF-8",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    fn router() -> Router {
        Router::new(crate::routes::all()).unwrap()
    }

    #[test]
    fn every_path_of_every_route_leads_to_it() {
        let router = router();
        for route in router.routes() {
            for path in route.paths {
                let path: String = path
                    .split('/')
                    .map(|part| if part.starts_with('{') { "some-%41" } else { part })
                    .collect::<Vec<_>>()
                    .join("/");
                let method = Method::from_bytes(route.verb.as_str().as_bytes()).unwrap();
                let found = router.find(&method, &path).unwrap();
                assert_eq!(found.route.paths.len(), route.paths.len(), "{path}");
                assert_eq!(found.route.verb, route.verb, "{path}");
                assert!(found.segments.iter().all(|(_, value)| value == "some-A"), "{path}");
            }
        }
    }

    #[test]
    fn names_of_routes_and_their_parameters_are_unique() {
        let mut names: Vec<&str> = router().routes().iter().map(|route| route.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for route in router().routes() {
            assert!(route.params.len() <= 24, "{}", route.name);
            let mut params: Vec<&str> = route.params.iter().map(|param| param.name).collect();
            params.sort_unstable();
            params.dedup();
            assert_eq!(params.len(), route.params.len(), "{}", route.name);
        }
    }

    #[test]
    fn another_method_is_told_which_there_are() {
        let router = router();
        match router.find(&Method::DELETE, "/health") {
            Err(NotFound::Method(allow)) => assert_eq!(allow, "GET, HEAD, OPTIONS"),
            other => panic!("{other:?}"),
        }
        assert_eq!(router.find(&Method::HEAD, "/health").unwrap().route.verb, Verb::Get);
        assert_eq!(router.find(&Method::GET, "/health/").unwrap().route.name, "health");
        assert!(matches!(router.find(&Method::GET, "/nowhere"), Err(NotFound::Path)));
    }

    #[test]
    fn a_path_that_is_nearly_one_is_told_which() {
        assert_eq!(
            router().nearest("/v1/model").first().map(String::as_str),
            Some("/v1/models")
        );
        assert!(router().nearest("/something/else/altogether").is_empty());
        let long: Uri = format!("/{}", "x".repeat(60_000)).parse().unwrap();
        assert!(router().nearest(long.path()).is_empty());
    }

    fn route(name: &'static str, paths: &'static [&'static str]) -> &'static Route {
        Box::leak(Box::new(Route {
            name,
            verb: Verb::Get,
            paths,
            access: Access::Public,
            deadline: Deadline::Usual,
            params: &[],
            payload: Payload::None,
            handler: Handler::Now(|_, _| Err(Problem::new(Code::Internal, "not called"))),
            chapter: "",
            summary: "",
            answers: Answers::text("text/plain"),
        }))
    }

    #[test]
    fn the_rest_of_a_path_may_be_followed_by_words() {
        let router = Router::new(vec![
            route("one", &["/models/{provider}/{*model}"]),
            route("compared", &["/models/{provider}/{*model}/compare"]),
            route("search", &["/models/search"]),
            route("developer", &["/models/{developer}"]),
        ])
        .unwrap();
        let found = |path: &'static str| {
            let found = router.find(&Method::GET, path).unwrap();
            let values: Vec<String> = found.segments.iter().map(|(_, value)| value.to_string()).collect();
            (found.route.name, values.join("|"))
        };
        assert_eq!(found("/models/a/b/c"), ("one", "a|b/c".to_owned()));
        assert_eq!(found("/models/a/b%2Fc"), ("one", "a|b/c".to_owned()));
        assert_eq!(found("/models/a/b/c/compare"), ("compared", "a|b/c".to_owned()));
        assert_eq!(found("/models/a/b%2Fc/compare/"), ("compared", "a|b/c".to_owned()));
        assert_eq!(found("/models/a/compare"), ("one", "a|compare".to_owned()));
        assert_eq!(found("/models/search"), ("search", String::new()));
        assert_eq!(found("/models/a%2Fb"), ("developer", "a/b".to_owned()));
        assert!(matches!(router.find(&Method::GET, "/model/a"), Err(NotFound::Path)));
        let NotFound::Method(allow) = router.find(&Method::POST, "/models/a/b/compare").unwrap_err() else {
            panic!("the path is served");
        };
        assert_eq!(allow, "GET, HEAD, OPTIONS");
        let twice = Router::new(vec![route("a", &["/{*x}/y"]), route("b", &["/{*x}/y"])]);
        assert!(twice.unwrap_err().contains("/{*x}/y"));
    }
}
