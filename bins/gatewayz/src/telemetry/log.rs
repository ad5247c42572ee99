//! Log lines: readable, or one JSON object each.

use std::{
    fmt::{self, Write as _},
    io::IsTerminal as _,
};

use gatewayz_cache_core::{Clock as _, KernelClock};
use serde_json::{Map, Value};
use thiserror::Error;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{ParseError, Targets},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::config::{LogConfig, LogFormat};

/// Why there is no log.
#[derive(Debug, Error)]
pub(crate) enum InvalidLog {
    /// The filter is none.
    #[error("`log.filter` is not of the form `info,gatewayz_catalog=debug`: {0}")]
    Filter(#[from] ParseError),
    /// There is one already.
    #[error("the log cannot be started: {0}")]
    Started(#[from] TryInitError),
    /// It is gone.
    #[error("the log cannot be changed: {0}")]
    Reload(#[from] reload::Error),
}

/// Changes what is logged.
#[derive(Clone)]
pub(crate) struct LogHandle(reload::Handle<Targets, Registry>);

impl LogHandle {
    /// Takes another filter; the present one stays where the new one is none.
    ///
    /// # Errors
    ///
    /// [`InvalidLog`]
    pub(crate) fn filter(&self, filter: &str) -> Result<(), InvalidLog> {
        Ok(self.0.reload(filter.parse::<Targets>()?)?)
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogHandle(..)")
    }
}

/// Starts the log of the process, on its standard error.
///
/// # Errors
///
/// [`InvalidLog`]
pub(crate) fn start_log(config: &LogConfig) -> Result<LogHandle, InvalidLog> {
    let (filter, handle) = reload::Layer::new(config.filter.parse::<Targets>()?);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Readable => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal());
            tracing_subscriber::registry()
                .with(lines.with_filter(filter))
                .try_init()?;
        }
        LogFormat::Json => {
            let lines = lines.with_ansi(false).event_format(JsonLines);
            tracing_subscriber::registry()
                .with(lines.with_filter(filter))
                .try_init()?;
        }
    }
    Ok(LogHandle(handle))
}

/// One object per line: `{"timestamp", "level", "app", "target", "message", …}`.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        let metadata = event.metadata();
        fields
            .0
            .insert("timestamp".to_owned(), KernelClock.wall().to_string().into());
        fields.0.insert("level".to_owned(), metadata.level().as_str().into());
        fields.0.insert("app".to_owned(), "gatewayz".into());
        fields.0.insert("target".to_owned(), metadata.target().into());
        event.record(&mut fields);
        writeln!(writer, "{}", Value::Object(fields.0))
    }
}

/// Takes the fields of an event down.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing into a string never fails.
        let _written = write!(text, "{value:?}");
        self.0.insert(field.name().to_owned(), text.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
