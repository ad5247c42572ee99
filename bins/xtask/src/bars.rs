//! Bars: how much slower than its peer, or than a time, a benchmark may be.

use serde_json::{Value, json};

/// A median with its confidence interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Median {
    pub(crate) low: f64,
    pub(crate) point: f64,
    pub(crate) high: f64,
}

/// What `benches/bars.json` declares.
#[derive(Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// The benchmark, as criterion prints it or as its folder is called.
    pub(crate) ours: String,
    pub(crate) limit: Limit,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Limit {
    /// Ours takes at most so many times as long as the reference.
    AtMost { reference: String, bar: f64 },
    /// The reference takes at least so many times as long as ours.
    AtLeast { reference: String, bar: f64 },
    /// Ours takes at most so many milliseconds.
    Millis(f64),
}

/// A bar held against its measurements.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) ours: Median,
    pub(crate) reference: Option<Median>,
    /// The measured ratio; for a bar in milliseconds, the milliseconds.
    pub(crate) value: f64,
    pub(crate) bar: f64,
    /// `<=` or `>=`.
    pub(crate) sign: &'static str,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Holds,
    /// The value is beyond the bar, its interval is not.
    WithinNoise,
    Missed,
}

/// Reads the declarations.
///
/// # Errors
///
/// Returns what is wrong with them.
pub(crate) fn parse(text: &str) -> Result<Vec<Bar>, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let entries = json.as_array().ok_or("not a list")?;
    entries
        .iter()
        .map(|entry| parse_bar(entry).map_err(|why| format!("{entry}: {why}")))
        .collect()
}

fn parse_bar(entry: &Value) -> Result<Bar, String> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
    let number = |field: &str| entry.get(field).and_then(Value::as_f64).filter(|number| *number > 0.0);
    let limit = match (
        text("reference"),
        text("kind").as_deref(),
        number("bar"),
        number("bar_ms"),
    ) {
        (Some(reference), Some("at_most"), Some(bar), None) => Limit::AtMost { reference, bar },
        (Some(reference), Some("at_least"), Some(bar), None) => Limit::AtLeast { reference, bar },
        (None, None, None, Some(millis)) => Limit::Millis(millis),
        _ => {
            return Err("needs `reference`, `bar` and `kind` (at_most or at_least), or `bar_ms` alone".to_owned());
        }
    };
    let name = text("name").ok_or("needs a `name`")?;
    let ours = text("ours").ok_or("needs `ours`")?;
    Ok(Bar { name, ours, limit })
}

impl Bar {
    /// Holds the bar against the medians that `median` knows by name.
    ///
    /// # Errors
    ///
    /// Returns the name of a benchmark without a median.
    pub(crate) fn hold(&self, median: impl Fn(&str) -> Option<Median>) -> Result<Outcome, String> {
        const NANOS_PER_MILLI: f64 = 1e6;
        let find = |name: &str| median(name).ok_or_else(|| name.to_owned());
        let ours = find(&self.ours)?;
        let (reference, value, bar, sign) = match &self.limit {
            Limit::AtMost { reference, bar } => {
                let reference = find(reference)?;
                (Some(reference), ours.over(reference), *bar, "<=")
            }
            Limit::AtLeast { reference, bar } => {
                let reference = find(reference)?;
                (Some(reference), reference.over(ours), *bar, ">=")
            }
            Limit::Millis(bar) => (None, ours.scale(1.0 / NANOS_PER_MILLI), *bar, "<="),
        };
        let verdict = if sign == "<=" {
            at_most(value, bar)
        } else {
            at_least(value, bar)
        };
        Ok(Outcome {
            name: self.name.clone(),
            ours,
            reference,
            value: value.point,
            bar,
            sign,
            verdict,
        })
    }
}

impl Median {
    /// Returns the quotient with the widest interval that both intervals allow.
    fn over(self, other: Self) -> Self {
        Self {
            low: self.low / other.high,
            point: self.point / other.point,
            high: self.high / other.low,
        }
    }

    fn scale(self, factor: f64) -> Self {
        Self {
            low: self.low * factor,
            point: self.point * factor,
            high: self.high * factor,
        }
    }
}

/// Judges a value that may be at most the bar.
pub(crate) fn at_most(value: Median, bar: f64) -> Verdict {
    judge(value.point <= bar, value.low <= bar)
}

/// Judges a value that must be at least the bar.
pub(crate) fn at_least(value: Median, bar: f64) -> Verdict {
    judge(value.point >= bar, value.high >= bar)
}

/// Comparisons with what is no number are false, so a broken measurement misses its bar.
fn judge(point_holds: bool, interval_touches: bool) -> Verdict {
    match (point_holds, interval_touches) {
        (true, _) => Verdict::Holds,
        (false, true) => Verdict::WithinNoise,
        (false, false) => Verdict::Missed,
    }
}

impl Outcome {
    /// Returns whether the bar is kept as far as the measurement can tell.
    pub(crate) fn holds(&self) -> bool {
        self.verdict != Verdict::Missed
    }

    /// Returns the entry of `bench.json`: times in nanoseconds, `bar` in the unit of `ratio`.
    pub(crate) fn to_json(&self) -> Value {
        let Self {
            name,
            ours,
            reference,
            value,
            bar,
            ..
        } = self;
        match reference {
            Some(reference) => json!({
                "name": name, "ours": ours.point, "reference": reference.point,
                "ratio": value, "bar": bar, "holds": self.holds(),
            }),
            None => {
                json!({ "name": name, "ours": ours.point, "ms": value, "bar_ms": bar, "holds": self.holds() })
            }
        }
    }
}

#[cfg(test)]
mod tests;
