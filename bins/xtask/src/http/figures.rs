//! What was measured, and whether the bars of `benches/http_bars.json` hold.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::bars::{self, Median, Verdict};

/// Whose figure it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Who {
    Gateway,
    Bare,
    Nginx,
    Varnish,
}

impl Who {
    pub(crate) const ALL: [Self; 4] = [Self::Gateway, Self::Bare, Self::Nginx, Self::Varnish];

    /// Returns the name in files.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Bare => "bare",
            Self::Nginx => "nginx",
            Self::Varnish => "varnish",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Bare => "bare hyper",
            Self::Nginx => "nginx",
            Self::Varnish => "Varnish",
        })
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    Micros,
    Millis,
    PerSecond,
    Mebibytes,
    Kibibytes,
    Count,
    Times,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Micros => " µs",
            Self::Millis => " ms",
            Self::PerSecond => "/s",
            Self::Mebibytes => " MiB",
            Self::Kibibytes => " KiB",
            Self::Count => "",
            Self::Times => " ×",
        }
    }

    fn write(self, value: f64) -> String {
        let digits = match self {
            Self::Times => 2,
            Self::PerSecond | Self::Count => 0,
            Self::Micros | Self::Millis | Self::Mebibytes | Self::Kibibytes if value.abs() < 10.0 => 2,
            Self::Micros | Self::Millis | Self::Mebibytes | Self::Kibibytes => 1,
        };
        format!("{}{}", thousands(&format!("{value:.digits$}")), self.name())
    }
}

/// Writes a comma between each three digits before the point.
fn thousands(number: &str) -> String {
    let (whole, fraction) = number.find('.').map_or((number, ""), |point| number.split_at(point));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

/// One figure, for everybody who has it.
#[derive(Debug)]
struct Figure {
    key: String,
    what: String,
    unit: Unit,
    cells: BTreeMap<Who, Result<Vec<f64>, String>>,
}

/// All figures of a run, in the order in which they were taken.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    list: Vec<Figure>,
    /// The rows that ran, each with why it ended early.
    rows: BTreeMap<String, Option<String>>,
}

/// A row's first words: its key and how it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    /// `row/figure`.
    pub(crate) key: &'a str,
    pub(crate) what: &'a str,
    pub(crate) unit: Unit,
}

impl Figures {
    /// Notes that a row ran.
    pub(crate) fn row(&mut self, row: &str, failed: Option<String>) {
        self.rows.insert(row.to_owned(), failed);
    }

    /// Adds the values of one contestant, one for each round.
    pub(crate) fn add(&mut self, name: Name<'_>, who: Who, values: Vec<f64>) {
        self.cell(name, who, Ok(values));
    }

    /// Adds one value of the gateway.
    pub(crate) fn ours(&mut self, name: Name<'_>, value: f64) {
        self.add(name, Who::Gateway, vec![value]);
    }

    /// Notes why there is no value of a contestant.
    pub(crate) fn missing(&mut self, name: Name<'_>, who: Who, why: &str) {
        self.cell(name, who, Err(why.to_owned()));
    }

    fn cell(&mut self, Name { key, what, unit }: Name<'_>, who: Who, cell: Result<Vec<f64>, String>) {
        if let Some(figure) = self.list.iter_mut().find(|figure| figure.key == key) {
            figure.cells.insert(who, cell);
        } else {
            self.list.push(Figure {
                key: key.to_owned(),
                what: what.to_owned(),
                unit,
                cells: [(who, cell)].into(),
            });
        }
    }

    fn find(&self, key: &str, who: Who) -> Result<(&[f64], Unit), String> {
        let figure = self.list.iter().find(|figure| figure.key == key);
        match figure.and_then(|figure| Some((figure.cells.get(&who)?, figure.unit))) {
            Some((Ok(values), unit)) if !values.is_empty() => Ok((values, unit)),
            Some((Ok(_), _)) => Err(format!("no round of {who}")),
            Some((Err(why), _)) => Err(why.clone()),
            None => {
                let row = self.rows.get(row_of(key)).cloned().flatten();
                Err(row.unwrap_or_else(|| format!("nothing of {who}")))
            }
        }
    }

    /// Returns the rows that ended early, each with why.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows
            .iter()
            .filter_map(|(row, why)| Some((row.as_str(), why.as_deref()?)))
    }

    /// Holds the bars of the rows that ran against what they measured.
    pub(crate) fn judge(&self, bars: &[Bar]) -> Vec<Held> {
        bars.iter()
            .filter(|bar| self.rows.contains_key(row_of(&bar.figure)))
            .map(|bar| Held {
                name: bar.name.clone(),
                bar: format!("{} {}", bar.sign(), bar.limit_text(self)),
                outcome: self.hold(bar),
            })
            .collect()
    }

    fn hold(&self, bar: &Bar) -> Result<Outcome, String> {
        let (ours, unit) = self.find(&bar.figure, Who::Gateway)?;
        let theirs = bar.over.map(|who| self.find(&bar.figure, who)).transpose()?;
        let (value, unit_of_value) = match theirs {
            // Round by round: the speed of the machine changes between rounds, and for both.
            Some((theirs, _)) => {
                let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
                (interval(&ratios), Unit::Times)
            }
            None => (interval(ours), unit),
        };
        let doubtful = within_slack(value);
        let verdict = match bar.limit {
            Limit::AtMost(limit) => bars::at_most(doubtful, limit),
            Limit::AtLeast(limit) => bars::at_least(doubtful, limit),
        };
        Ok(Outcome {
            value: value.point,
            measured: unit_of_value.write(value.point),
            ours: unit.write(interval(ours).point),
            theirs: match (bar.over, theirs) {
                (Some(who), Some((theirs, _))) => Some(format!("{who} {}", unit.write(interval(theirs).point))),
                _ => None,
            },
            verdict,
        })
    }

    /// Returns everything that was measured.
    pub(crate) fn to_json(&self, held: &[Held]) -> Value {
        let figures: Vec<Value> = self
            .list
            .iter()
            .map(|figure| {
                let cells: BTreeMap<&str, Value> = figure
                    .cells
                    .iter()
                    .map(|(who, cell)| match cell {
                        Ok(values) => (who.key(), json!(values)),
                        Err(why) => (who.key(), json!({ "missing": why })),
                    })
                    .collect();
                json!({ "figure": figure.key, "what": figure.what, "unit": figure.unit.name().trim(), "values": cells })
            })
            .collect();
        let bars: Vec<Value> = held
            .iter()
            .map(|held| match &held.outcome {
                Ok(outcome) => json!({
                    "name": held.name, "value": outcome.value, "bar": held.bar,
                    "holds": outcome.verdict != Verdict::Missed,
                }),
                Err(why) => json!({ "name": held.name, "bar": held.bar, "holds": null, "missing": why }),
            })
            .collect();
        let failed: BTreeMap<&str, &str> = self.failed().collect();
        json!({ "bars": bars, "figures": figures, "failed": failed })
    }

    /// Returns both tables in Markdown: the bars, and all figures.
    pub(crate) fn markdown(&self, held: &[Held]) -> String {
        let mut text = "| what | measured | bar | holds | gateway | peer |\n|---|--:|--:|---|--:|--:|\n".to_owned();
        for Held { name, bar, outcome } in held {
            match outcome {
                Ok(outcome) => {
                    let word = match outcome.verdict {
                        Verdict::Holds => "yes",
                        Verdict::WithinNoise => "within noise",
                        Verdict::Missed => "**no**",
                    };
                    let theirs = outcome.theirs.as_deref().unwrap_or("–");
                    let Outcome { measured, ours, .. } = outcome;
                    text.push_str(&format!(
                        "| {name} | {measured} | {bar} | {word} | {ours} | {theirs} |\n"
                    ));
                }
                Err(why) => text.push_str(&format!("| {name} | – | {bar} | not measured: {} | | |\n", cell(why))),
            }
        }
        text.push_str("\n| figure | gateway | bare hyper | nginx | Varnish |\n|---|--:|--:|--:|--:|\n");
        for figure in &self.list {
            text.push_str(&format!("| {} |", figure.what));
            for who in Who::ALL {
                let content = match figure.cells.get(&who) {
                    Some(Ok(values)) if !values.is_empty() => figure.unit.write(interval(values).point),
                    Some(Ok(_)) | None => "–".to_owned(),
                    Some(Err(why)) => cell(why),
                };
                text.push_str(&format!(" {content} |"));
            }
            text.push('\n');
        }
        for (row, why) in self.failed() {
            text.push_str(&format!(
                "\nThe row `{row}` could not be measured to its end: {}.\n",
                cell(why)
            ));
        }
        text
    }
}

/// Returns the text as the content of one cell.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn row_of(key: &str) -> &str {
    key.split('/').next().unwrap_or(key)
}

/// What a figure has to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Bar {
    name: String,
    figure: String,
    over: Option<Who>,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    fn sign(&self) -> &'static str {
        match self.limit {
            Limit::AtMost(_) => "≤",
            Limit::AtLeast(_) => "≥",
        }
    }

    fn limit_text(&self, figures: &Figures) -> String {
        let (Limit::AtMost(limit) | Limit::AtLeast(limit)) = self.limit;
        let unit = figures.list.iter().find(|figure| figure.key == self.figure);
        match (self.over, unit) {
            (None, Some(figure)) if figure.unit != Unit::Times => format!("{}{}", limit, figure.unit.name()),
            _ => limit.to_string(),
        }
    }
}

/// A bar with its outcome, or why there is none.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) name: String,
    bar: String,
    pub(crate) outcome: Result<Outcome, String>,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    value: f64,
    measured: String,
    ours: String,
    theirs: Option<String>,
    pub(crate) verdict: Verdict,
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
    let number = |field: &str| entry.get(field).and_then(Value::as_f64);
    let limit = match (number("at_most"), number("at_least")) {
        (Some(limit), None) => Limit::AtMost(limit),
        (None, Some(limit)) => Limit::AtLeast(limit),
        _ => return Err("needs `at_most` or `at_least`".to_owned()),
    };
    let over = match text("over") {
        Some(key) => {
            let who = Who::ALL.into_iter().find(|who| who.key() == key);
            Some(who.ok_or("`over` is bare, nginx or varnish")?)
        }
        None => None,
    };
    Ok(Bar {
        name: text("name").ok_or("needs a `name`")?,
        figure: text("figure").ok_or("needs a `figure`")?,
        over,
        limit,
    })
}

/// Returns the value with no more doubt than a twentieth: few rounds on a busy machine must not excuse everything.
fn within_slack(value: Median) -> Median {
    const SLACK: f64 = 0.05;
    let slack = value.point.abs() * SLACK;
    Median {
        low: value.low.max(value.point - slack),
        point: value.point,
        high: value.high.min(value.point + slack),
    }
}

/// Returns the median with an interval in which the true one is, nine times in ten where there are five rounds or more.
pub(crate) fn interval(values: &[f64]) -> Median {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let cut = usize::from(values.len() >= 8);
    let at = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    let middle = values.len() / 2;
    let point = if values.len().is_multiple_of(2) && middle > 0 {
        f64::midpoint(at(middle - 1), at(middle))
    } else {
        at(middle)
    };
    Median {
        low: at(cut),
        point,
        high: at(last.saturating_sub(cut)),
    }
}

#[cfg(test)]
mod tests;
