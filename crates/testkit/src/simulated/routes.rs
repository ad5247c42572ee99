//! Which answer and which fault a request meets. Pure: no sockets and no time.

use super::{fault::Fault, reply::Reply, reply::Route, request::Request};

/// A fault, and for how many requests more.
#[derive(Debug)]
struct Active {
    fault: Fault,
    left: Option<u64>,
}

/// Things by path: the path itself comes first, then the pattern set last.
#[derive(Debug)]
struct ByPath<T>(Vec<(String, T)>);

impl<T> ByPath<T> {
    fn set(&mut self, path: &str, value: T) {
        self.0.retain(|(set, _)| set != path);
        self.0.push((path.to_owned(), value));
    }

    fn find(&mut self, path: &str) -> Option<usize> {
        let exact = self.0.iter().position(|(set, _)| set == path);
        exact.or_else(|| self.0.iter().rposition(|(pattern, _)| matches(pattern, path)))
    }
}

/// Whether `path` is of the form of `pattern`: `{any}` stands for a segment, and `*` at the end for whatever follows.
fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let mut wanted = pattern.split('/').peekable();
    while let Some(want) = wanted.next() {
        if want == "*" && wanted.peek().is_none() {
            return segments.next().is_some();
        }
        let Some(segment) = segments.next() else { return false };
        if want != segment && !(want.starts_with('{') && want.ends_with('}')) {
            return false;
        }
    }
    segments.next().is_none()
}

/// All of them, and what came.
#[derive(Debug)]
pub(super) struct Routes {
    routes: ByPath<Route>,
    faults: ByPath<Active>,
    pub(super) requests: Vec<Request>,
}

impl Routes {
    pub(super) const fn new() -> Self {
        Self {
            routes: ByPath(Vec::new()),
            faults: ByPath(Vec::new()),
            requests: Vec::new(),
        }
    }

    pub(super) fn set(&mut self, path: &str, route: Route) {
        self.routes.set(path, route);
    }

    pub(super) fn set_fault(&mut self, path: &str, fault: Fault, times: Option<u64>) {
        self.faults.set(path, Active { fault, left: times });
    }

    pub(super) fn heal(&mut self, path: &str) {
        self.faults.0.retain(|(set, _)| set != path);
    }

    pub(super) fn heal_all(&mut self) {
        self.faults.0.clear();
    }

    /// Notes a request, and returns the route for it, and the fault that it has used up once.
    pub(super) fn meet(&mut self, request: &Request) -> (Option<Route>, Option<Fault>) {
        self.requests.push(request.clone());
        let fault = self.faults.find(request.path()).and_then(|idx| {
            let (_, active) = self.faults.0.get_mut(idx)?;
            let fault = active.fault.clone();
            if let Some(left) = &mut active.left {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.faults.0.remove(idx);
                }
            }
            Some(fault)
        });
        let route = self.routes.find(request.path()).and_then(|idx| self.routes.0.get(idx));
        (route.map(|(_, route)| route.clone()), fault)
    }
}

/// What is answered where there is no route.
pub(super) fn absent(request: &Request) -> Reply {
    let path = request.path().replace(['"', '\\'], "");
    Reply::json(format!(r#"{{"error":{{"message":"no route {path}"}}}}"#)).with_status(404)
}

#[cfg(test)]
mod tests {
    use super::{ByPath, matches};

    #[test]
    fn patterns_match_segments_and_rests() {
        for (pattern, path, expected) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/b/", false),
            ("/a/b", "/a", false),
            ("/a/{x}/c", "/a/b/c", true),
            ("/a/{x}/c", "/a/b/b", false),
            ("/a/{x}", "/a/b/c", false),
            ("/*", "/", true),
            ("/*", "/a/b", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/b/c", false),
            ("/a/*", "/a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_path_itself_comes_first_and_then_what_was_set_last() {
        let mut set = ByPath(Vec::new());
        for (path, value) in [("/a", 1), ("/{x}", 2), ("/*", 3), ("/a", 4)] {
            set.set(path, value);
        }
        let mut found = |path| set.find(path).map(|idx| set.0[idx].1);
        assert_eq!((found("/a"), found("/b"), found("b")), (Some(4), Some(3), None));
    }
}
