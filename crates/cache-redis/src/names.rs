//! The names of keys and channels on the server.

use fred::types::{Key, Value};

/// The hash tag of the control plane.
const TAG: &str = "{gatewayz}";

/// Makes the names of one deployment.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
    control: [Key; 5],
    /// Numbers, settled numbers and canaries.
    pub(crate) events: String,
    /// Names of keys whose fill has ended.
    pub(crate) filled: String,
}

impl Names {
    /// Channels are shared by all databases of a server, keys are not: hence `database` in the channels' names.
    pub(crate) fn new(prefix: &str, database: u8) -> Self {
        let key = |part: &str| Key::from(format!("{prefix}{TAG}:{part}"));
        Self {
            prefix: prefix.to_owned(),
            control: ["epoch", "seq", "nodes", "acks", "log"].map(key),
            events: format!("{prefix}{TAG}:events:{database}"),
            filled: format!("{prefix}{TAG}:filled:{database}"),
        }
    }

    pub(crate) fn value(&self, name: &str) -> String {
        let mut key = String::with_capacity(self.prefix.len() + name.len());
        key.push_str(&self.prefix);
        key.push_str(name);
        key
    }

    /// The braces put the lease on the value's slot in Redis Cluster.
    pub(crate) fn lease(&self, name: &str) -> String {
        format!("lease:{{{}{name}}}", self.prefix)
    }

    /// The keys of the control plane, in the order in which the scripts expect them.
    pub(crate) fn control(&self) -> Vec<Value> {
        self.control.iter().map(|key| Value::from(key.clone())).collect()
    }

    /// The documented name of a value's key.
    pub(crate) fn documented<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(self.prefix.as_str())
    }

    /// The patterns that find all that a prefix covers: leases first, so that a fill under way either loses its
    /// lease or has stored its value when the second pattern looks.
    pub(crate) fn patterns(&self, prefix: &str) -> [String; 2] {
        let escaped = escape(&self.value(prefix));
        [format!("lease:{{{escaped}*"), format!("{escaped}*")]
    }

    /// Whether a key belongs to the control plane, which no prefix covers.
    pub(crate) fn is_control(&self, key: &str) -> bool {
        self.documented(key).is_some_and(|rest| rest.starts_with(TAG))
    }
}

/// Makes a text match itself alone in a pattern of Redis.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_shares_the_slot_of_its_value() {
        let names = Names::new("gw1:", 0);
        for name in ["models:stats", "models:provider:openrouter", "models:provider:%7Bx%7D"] {
            let slot = fred::util::redis_keyslot(names.value(name).as_bytes());
            assert_eq!(fred::util::redis_keyslot(names.lease(name).as_bytes()), slot, "{name}");
        }
    }

    #[test]
    fn the_control_plane_is_on_one_slot() {
        let names = Names::new("gw1:", 0);
        let mut slots: Vec<_> = names
            .control
            .iter()
            .map(|key| fred::util::redis_keyslot(key.as_bytes()))
            .collect();
        slots.dedup();
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_pattern_means_its_text() {
        let names = Names::new("a*:", 0);
        assert_eq!(names.patterns("x[1]?"), [r"lease:{a\*:x\[1\]\?*", r"a\*:x\[1\]\?*"]);
    }
}
