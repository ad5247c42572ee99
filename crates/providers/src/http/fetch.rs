//! One whole list, or why there is none.

use std::time::Duration;

use bytes::Bytes;
use gatewayz_cache_core::Time;
use gatewayz_catalog::{ListError, Slug};
use http::{Request, Response, StatusCode};
use rand::RngExt as _;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::{
    body::{Body, BodyError},
    client::{Client, SendError},
    intake::{Intake, ListSink, announced, check_type},
    page::Pages,
    refusal::{self, Refusal, RefusalKind},
    request::{self, Prepared},
    settings::{Redactor, Settings},
    unpack::Unpack,
};
use crate::{
    rows::Envelope,
    spec::{Auth, ListSpec},
    token::{Tokens, Wanted},
};

/// How often and how long a list is tried for, inside its own time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// How often a page is asked for again.
    pub most: u32,
    /// The pause before the first time, doubled for each further one; chance takes up to a half of it.
    pub pause: Duration,
    /// A provider that wants to be left alone for longer is not asked again.
    pub longest_wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            most: 2,
            pause: Duration::from_millis(200),
            longest_wait: Duration::from_secs(5),
        }
    }
}

impl Retries {
    /// The same with another pause before the first repetition.
    #[must_use]
    pub const fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

/// What was read of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// How many bytes, unpacked.
    pub bytes: u64,
    /// In how many pages.
    pub pages: u32,
}

/// Fetches lists as their specifications say.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    settings: Settings,
    tokens: Tokens,
    time: Time,
    retries: Retries,
}

/// Why a page was not read.
enum Failure {
    /// Nothing came. It may be tried again if that helps.
    Sent(SendError),
    /// It came as a refusal.
    Refused(Refusal),
    /// The rest, for good.
    Final(ListError),
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        Self::Final(error)
    }
}

impl Fetcher {
    /// A fetcher with a client and its settings. Tokens are kept by `tokens`, dates are read on `time`.
    #[must_use]
    pub fn new(client: Client, settings: Settings, tokens: Tokens, time: Time) -> Self {
        Self {
            client,
            settings,
            tokens,
            time,
            retries: Retries::default(),
        }
    }

    /// Tries in another rhythm.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// What a list needs that is not set, if anything.
    #[must_use]
    pub fn missing_setting(&self, provider: &Slug, spec: &ListSpec) -> Option<ListError> {
        let key = match request::key(provider, spec, &self.settings) {
            Ok(key) => key,
            Err(error) => return Some(error),
        };
        Prepared::new(provider, spec, &self.settings, key.filter(|_| is_plain(&spec.auth))).err()
    }

    /// Gives all pages of a provider's list to `sink`.
    ///
    /// # Errors
    ///
    /// [`ListError`] when a page is missing; what the sink has got is then no list.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the list up.
    pub async fn fetch<S: ListSink>(
        &self,
        provider: &Slug,
        spec: &ListSpec,
        sink: &mut S,
    ) -> Result<Fetched, ListError> {
        let limit = spec.timeout();
        let until = Instant::now() + limit;
        let all = Box::pin(self.all(provider, spec, sink, until));
        timeout(limit, all).await.unwrap_or(Err(ListError::TimedOut(limit)))
    }

    async fn all<S: ListSink>(
        &self,
        provider: &Slug,
        spec: &ListSpec,
        sink: &mut S,
        until: Instant,
    ) -> Result<Fetched, ListError> {
        let mut prepared = self.prepare(provider, spec, Wanted::Any).await?;
        let mut pages = Pages::new(&spec.paging);
        let mut intake = Intake::new(sink, spec.max_bytes);
        let mut urls = prepared.urls.clone().into_iter();
        let Some(mut base) = urls.next() else {
            return Err(ListError::NoList(provider.clone()));
        };
        let mut renewed = false;
        loop {
            intake.begin(pages.compares());
            match self.page(&prepared, &pages.address(&base), &mut intake, until).await {
                Ok(page) => {
                    let digest = intake.digest();
                    if !pages.read(&page, digest)? {
                        return Ok(Fetched {
                            bytes: intake.bytes,
                            pages: pages.n_read(),
                        });
                    }
                }
                Err(Failure::Refused(refusal)) if refusal.kind == RefusalKind::Auth && intake.page_bytes == 0 => {
                    if !is_plain(&spec.auth) && !renewed {
                        // The token was taken back before its time: once, another one.
                        renewed = true;
                        prepared = self.prepare(provider, spec, Wanted::New).await?;
                        continue;
                    }
                    // The key may be another region's.
                    match urls.next() {
                        Some(other) if pages.n_read() == 0 => base = other,
                        _ => return Err(refusal.into_error()),
                    }
                }
                Err(failure) => return Err(failure.into_error(&prepared.redactor)),
            }
        }
    }

    async fn prepare(&self, provider: &Slug, spec: &ListSpec, wanted: Wanted) -> Result<Prepared, ListError> {
        let key = request::key(provider, spec, &self.settings)?;
        if is_plain(&spec.auth) {
            return Prepared::new(provider, spec, &self.settings, key);
        }
        let Some((setting, key)) = key else {
            return Prepared::new(provider, spec, &self.settings, None);
        };
        let token = self.tokens.token(provider, &spec.auth, (setting, key), wanted).await?;
        let mut prepared = Prepared::new(provider, spec, &self.settings, Some((setting, &token)))?;
        prepared.redactor.hide(key.expose());
        Ok(prepared)
    }

    /// One page, tried again as long as that may help.
    async fn page<S: ListSink>(
        &self,
        prepared: &Prepared,
        url: &Url,
        intake: &mut Intake<'_, S>,
        until: Instant,
    ) -> Result<Envelope, Failure> {
        let mut tried = 0;
        loop {
            let failure = match self.attempt(prepared, url, intake).await {
                Ok(page) => return Ok(page),
                Err(failure) => failure,
            };
            let Some(wait) = self.wait(&failure, tried).filter(|_| intake.page_bytes == 0) else {
                return Err(failure);
            };
            if Instant::now() + wait >= until {
                return Err(failure);
            }
            tried += 1;
            sleep(wait).await;
        }
    }

    /// How long to wait before a page is asked for again; `None`: it is not.
    fn wait(&self, failure: &Failure, tried: u32) -> Option<Duration> {
        if tried >= self.retries.most {
            return None;
        }
        let asked = match failure {
            Failure::Sent(error) if error.is_transient() => None,
            Failure::Refused(refusal) => match (refusal.kind, refusal.retry_after) {
                (RefusalKind::Overloaded | RefusalKind::Server, asked) => asked,
                // Without a word on when, later is too late for this list.
                (RefusalKind::RateLimit, Some(asked)) => Some(asked),
                _ => return None,
            },
            _ => return None,
        };
        if asked.is_some_and(|asked| asked > self.retries.longest_wait) {
            return None;
        }
        let pause = self.retries.pause.saturating_mul(1 << tried.min(16));
        let pause = pause.mul_f64(rand::rng().random_range(0.5..=1.0));
        Some(asked.map_or(pause, |asked| asked + pause / 8))
    }

    async fn attempt<S: ListSink>(
        &self,
        prepared: &Prepared,
        url: &Url,
        intake: &mut Intake<'_, S>,
    ) -> Result<Envelope, Failure> {
        let mut request = Request::get(url.as_str())
            .body(Bytes::new())
            .map_err(|_unsendable| ListError::Malformed("its address cannot be asked".to_owned()))?;
        request.headers_mut().extend(prepared.headers.clone());
        let answer = self.client.send(request).await.map_err(Failure::Sent)?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(Failure::Refused(self.refusal(answer, &prepared.redactor).await));
        }
        self.read(answer, &prepared.redactor, intake).await
    }

    async fn refusal(&self, mut answer: Response<Body>, redactor: &Redactor) -> Refusal {
        let mut body = Vec::new();
        // What was said so far counts, whether it ends or not.
        let read = async {
            let mut unpack = Unpack::of(answer.headers(), 1 << 20).unwrap_or(Unpack::Plain);
            while let Ok(Some(bytes)) = answer.body_mut().chunk().await {
                let unpacked = unpack.push(&bytes, u64::MAX, |bytes| {
                    let room = refusal::LONGEST.saturating_sub(body.len());
                    body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                    Ok(())
                });
                if unpacked.is_err() || body.len() >= refusal::LONGEST {
                    break;
                }
            }
        };
        drop(timeout(ERROR_BODY, read).await);
        Refusal::read_hiding(
            answer.status().as_u16(),
            answer.headers(),
            &body,
            self.time.wall(),
            redactor,
        )
    }

    async fn read<S: ListSink>(
        &self,
        mut answer: Response<Body>,
        redactor: &Redactor,
        intake: &mut Intake<'_, S>,
    ) -> Result<Envelope, Failure> {
        check_type(answer.headers())?;
        let room = intake.limit - intake.bytes;
        let mut unpack = Unpack::of(answer.headers(), room)?;
        let limit = intake.limit;
        if matches!(unpack, Unpack::Plain) && announced(answer.headers()).is_some_and(|length| length > room) {
            return Err(ListError::TooLarge { limit }.into());
        }
        let read = loop {
            match answer.body_mut().chunk().await {
                Ok(Some(bytes)) => {
                    if let Err(error) = unpack.push(&bytes, limit, |bytes| intake.take(bytes)) {
                        break Err(error);
                    }
                }
                Ok(None) => break unpack.finish(limit, |bytes| intake.take(bytes)),
                Err(BodyError::Stalled(time)) => return Err(ListError::TimedOut(time).into()),
                Err(error) => return Err(ListError::Connect(error.to_string()).into()),
            }
        };
        // An error that comes with 200 is small, and no list: it is told as the error that it is.
        let refusal = || match intake.page_bytes <= intake.head.len() as u64 {
            true => Refusal::in_success(&intake.head, redactor),
            false => None,
        };
        if let Some(refusal) = refusal() {
            return Err(Failure::Final(refusal.into_error()));
        }
        read?;
        Ok(intake.sink.finish_page()?)
    }
}

/// How long the words of an error are waited for.
const ERROR_BODY: Duration = Duration::from_secs(2);

impl Failure {
    fn into_error(self, redactor: &Redactor) -> ListError {
        match self {
            Self::Sent(SendError::ConnectTimedOut(time)) => ListError::Connect(format!("none within {time:?}")),
            Self::Sent(SendError::Protocol(said)) => ListError::Malformed(redactor.clean(&format!("no HTTP: {said}"))),
            Self::Sent(error) => ListError::Connect(redactor.clean(&error.to_string())),
            Self::Refused(refusal) => refusal.into_error(),
            Self::Final(error) => error,
        }
    }
}

/// Whether the key is sent as it is.
const fn is_plain(auth: &Auth) -> bool {
    !matches!(auth, Auth::GoogleServiceAccount | Auth::Exchange(_))
}
