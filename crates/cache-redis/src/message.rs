//! What comes over the channel of events.

use gatewayz_cache_core::Invalidation;

/// A message of the control plane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// An invalidation with its number; the body is read only when its turn has come.
    Announced { number: u64, epoch: &'a str, body: &'a str },
    /// All live nodes have come so far.
    Settled { number: u64, epoch: &'a str },
    /// A sign of life that some node sent to itself.
    Canary(&'a str),
}

impl<'a> Message<'a> {
    /// Reads a message; `None` if it is none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (kind, rest) = text.split_once('|')?;
        Some(match kind {
            "i" => {
                let (number, rest) = rest.split_once('|')?;
                let (epoch, body) = rest.split_once('|')?;
                Self::Announced {
                    number: number.parse().ok()?,
                    epoch,
                    body,
                }
            }
            "s" => {
                let (number, epoch) = rest.split_once('|')?;
                Self::Settled {
                    number: number.parse().ok()?,
                    epoch,
                }
            }
            "c" => Self::Canary(rest),
            _ => return None,
        })
    }
}

/// Reads the body of an announcement.
pub(crate) fn body(text: &str) -> Option<Invalidation> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        assert_eq!(
            Message::parse(r#"i|7|e:f:1|{"k":["a|b"]}"#),
            Some(Message::Announced {
                number: 7,
                epoch: "e:f:1",
                body: r#"{"k":["a|b"]}"#
            })
        );
        assert_eq!(
            Message::parse("s|7|e"),
            Some(Message::Settled { number: 7, epoch: "e" })
        );
        assert_eq!(Message::parse("c|x"), Some(Message::Canary("x")));
        for none in ["", "i", "i|7", "i|x|e|{}", "s|-1|e", "z|1|2"] {
            assert_eq!(Message::parse(none), None, "{none}");
        }
    }

    #[test]
    fn bodies_are_read() {
        assert_eq!(body(r#"{"k":["a"]}"#), Some(Invalidation::new().name("a")));
        assert_eq!(body("nonsense"), None);
    }
}
