//! A lake in an object store: conditional puts, and a read-back wherever their outcome is unknown.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::PathPart;
use object_store::{
    ClientConfigKey, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme,
    PutMode, PutOptions, PutPayload, PutResult, UpdateVersion,
};
use parquet::DecodeResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::columns::{Columns, Pieces};
use super::fault;
use super::footer::FileFacts;
use super::layout::{DayPath, PROBES};
use super::publish::write_id;
use super::refusal;
use super::store::{Entry, unreadable};
use super::{Error, LakeOptions, Result};

/// Puts of one file before giving up; each failed one is followed by a read-back and a wait.
const PUT_ATTEMPTS: u32 = 6;

/// Wait after the first put of unknown outcome; doubled each time.
const PUT_WAIT: Duration = Duration::from_millis(200);

/// Time for the answer to a put, beside that for its body.
const PUT_TIME: Duration = Duration::from_secs(60);

/// Bytes a second of the slowest link that a put is given the time for.
const SLOWEST_LINK: u64 = 10_000;

/// Time without a byte of the answer after which a read is given up.
const READ_TIMEOUT: &str = "30s";

/// A client can't be told by a setting that there is no limit.
const UNLIMITED: &str = "1year";

/// Bytes of a file that are read first for its footer; larger footers take a second request.
const FOOTER_GUESS: u64 = 64 << 10;

/// Bytes of a file that are read from disk at once when it is sent.
const CHUNK: usize = 8 << 20;

/// A lake in an object store.
#[derive(Debug, Clone)]
pub(crate) struct RemoteStore {
    store: Arc<dyn ObjectStore>,
    /// The same store, for puts alone.
    writer: Arc<dyn ObjectStore>,
    prefix: object_store::path::Path,
    url: String,
    /// Whether puts are conditional; found out by [`RemoteStore::prepare`].
    conditional: Arc<OnceLock<bool>>,
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Read,
    /// Puts, which have a time of their own: see [`RemoteStore::send`].
    Write,
}

impl Purpose {
    /// Timeouts of the client, but for those that the environment sets. No request has a total one: a day's file goes over the wire in
    /// one request, however slow that is. That of reads ends a request whose answer does not go on, and would end a put in the midst
    /// of its body, which is sent before the answer begins.
    fn timeouts(self, variables: &'static str) -> impl Iterator<Item = (ClientConfigKey, &'static str)> {
        let all = [
            (ClientConfigKey::Timeout, "TIMEOUT", UNLIMITED),
            (ClientConfigKey::ReadTimeout, "READ_TIMEOUT", READ_TIMEOUT),
        ];
        let is_set = move |name: &str| std::env::var_os(format!("{variables}_{name}")).is_some();
        all.into_iter()
            .filter(move |(key, name, _)| {
                let is_for_puts = *key == ClientConfigKey::Timeout;
                !is_set(name) && (self == Purpose::Read || is_for_puts)
            })
            .map(|(key, _, time)| (key, time))
    }
}

/// Refuses a URL with a part that may hold a secret, or that would be dropped; does not show it.
fn check_plain(what: &str, url: &str) -> Result<()> {
    let rest = url.split_once("://").map_or(url, |parts| parts.1);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Error::Refused(format!(
            "{what} holds a user or password: leave them out and set the store's environment variables"
        )));
    }
    if rest.contains(['?', '#']) {
        return Err(Error::Refused(format!(
            "{what} has a query or fragment ('?' or '#'): leave it out and set the store's environment variables, or name \
             another place"
        )));
    }
    Ok(())
}

/// The set-up of a client of S3 by the environment and the options.
fn s3(location: &str, options: &LakeOptions, purpose: Purpose) -> Result<AmazonS3Builder> {
    let mut builder = AmazonS3Builder::from_env().with_url(location);
    for (key, time) in purpose.timeouts("AWS") {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), time);
    }
    let endpoint = options.endpoint_url.clone().or_else(|| {
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .find_map(|name| std::env::var(name).ok())
    });
    if let Some(endpoint) = endpoint {
        check_plain("the endpoint's URL", &endpoint)?;
        // Asked for by its scheme: stores on the user's own network often have no TLS.
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            // The variable AWS_ENDPOINT_URL_S3 would beat the option otherwise.
            .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    Ok(builder)
}

/// One version of a day's object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ObjectVersion(UpdateVersion);

/// What a conditional put came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// The object is ours.
    Done,
    /// Somebody else has put another version.
    Overtaken,
}

impl RemoteStore {
    /// The store that the URL and the environment name; asks nothing of it.
    pub(crate) fn open(location: &str, options: &LakeOptions) -> Result<RemoteStore> {
        let refused = |problem: &str| Error::Refused(format!("a lake can't be at {location}: {problem}"));
        check_plain("the lake's URL", location)?;
        let mut url: Url = location.parse().map_err(|_| refused("it is not a URL"))?;
        let is_of_the_web = url.scheme().starts_with("http");
        if !is_of_the_web {
            url.set_path("");
        }
        let (scheme, below_host) = ObjectStoreScheme::parse(&url)
            .map_err(|_| refused("want a path, file://, s3://bucket/prefix, gs:// or az://"))?;
        let prefix = match location.split_once("://") {
            // Keys are as they are named: in these URLs, unlike in those of the web, nothing is encoded.
            Some((_, rest)) if !is_of_the_web => {
                let below_bucket = rest
                    .trim_end_matches('/')
                    .split_once('/')
                    .map_or("", |parts| parts.1);
                object_store::path::Path::parse(below_bucket).map_err(|_| {
                    refused("its path has a part that is empty, '.' or '..', or a control character")
                })?
            }
            _ => below_host,
        };
        let unusable = |error| {
            Error::Refused(format!(
                "set up {location}: {error}; check the store's environment variables"
            ))
        };
        let client = |purpose| -> Result<Arc<dyn ObjectStore>> {
            Ok(match scheme {
                ObjectStoreScheme::AmazonS3 => {
                    Arc::new(s3(location, options, purpose)?.build().map_err(unusable)?)
                }
                ObjectStoreScheme::GoogleCloudStorage => {
                    let builder = GoogleCloudStorageBuilder::from_env().with_url(location);
                    let builder = purpose.timeouts("GOOGLE").fold(builder, |builder, (key, time)| {
                        builder.with_config(GoogleConfigKey::Client(key), time)
                    });
                    Arc::new(builder.build().map_err(unusable)?)
                }
                ObjectStoreScheme::MicrosoftAzure => {
                    let builder = MicrosoftAzureBuilder::from_env().with_url(location);
                    let builder = purpose.timeouts("AZURE").fold(builder, |builder, (key, time)| {
                        builder.with_config(AzureConfigKey::Client(key), time)
                    });
                    Arc::new(builder.build().map_err(unusable)?)
                }
                _ => {
                    return Err(refused(
                        "want a path, file://, s3://bucket/prefix, gs:// or az://",
                    ));
                }
            })
        };
        let url = location.trim_end_matches('/').to_string();
        Ok(RemoteStore {
            store: client(Purpose::Read)?,
            writer: client(Purpose::Write)?,
            prefix,
            url,
            conditional: Arc::new(OnceLock::new()),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn path(&self, path: impl ToString) -> object_store::path::Path {
        let below = path.to_string();
        let named = below.split('/').filter(|part| !part.is_empty());
        // As they are named; only what can be no part of a key is encoded, and nothing of callake's has such a name.
        let parts = named.map(|part| PathPart::parse(part).unwrap_or_else(|_| PathPart::from(part)));
        object_store::path::Path::from_iter(self.prefix.parts().chain(parts))
    }

    /// Finds out whether the store honours conditions on puts, and refuses one that does not unless the user vouches for
    /// being alone.
    pub(crate) async fn prepare(&self, options: &LakeOptions) -> Result<()> {
        if self.conditional.get().is_some() {
            return Ok(());
        }
        let problem = self.probe().await?;
        match problem {
            None => {}
            Some(problem) if options.single_writer => {
                tracing::warn!(
                    "{} {problem}: taking your word that nobody else writes to it",
                    self.url
                );
            }
            Some(problem) => {
                return Err(Error::Refused(format!(
                    "{} {problem}, so two runs at once could each undo what the other wrote: use a store with conditional \
                     puts, or --single-writer if no other run writes to this lake at the same time",
                    self.url
                )));
            }
        }
        let _ = self.conditional.set(problem.is_none());
        Ok(())
    }

    /// What the store does not do, tried on an object of its own.
    pub(super) async fn probe(&self) -> Result<Option<&'static str>> {
        let path = self.path(format!("{PROBES}/{}", write_id()));
        let put = async |mode: PutMode, body: &'static str| {
            self.send(&path, &PutPayload::from_static(body.as_bytes()), mode)
                .await
        };
        let found = async {
            match put(PutMode::Create, "first").await {
                Ok(_) => {}
                // The name is new, so it is our own put, sent twice after a lost reply.
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(
                    object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. },
                ) => {
                    return Ok(Some("has no conditional puts"));
                }
                Err(error) => return Err(error),
            }
            match put(PutMode::Create, "second").await {
                Ok(_) => return Ok(Some("ignores If-None-Match")),
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                }
                Err(error) => return Err(error),
            }
            let mut stale = version(&self.store.head(&path).await?);
            stale.e_tag = stale
                .e_tag
                .map(|_| "\"00000000000000000000000000000000\"".to_string());
            stale.version = stale.version.map(|_| "1".to_string());
            match put(PutMode::Update(stale), "third").await {
                Ok(_) => return Ok(Some("ignores If-Match")),
                Err(
                    object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. },
                ) => {
                    return Ok(Some("has no If-Match"));
                }
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                }
                Err(error) => return Err(error),
            }
            let present = version(&self.store.head(&path).await?);
            match put(PutMode::Update(present.clone()), "fourth").await {
                Ok(_) => Ok(None),
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                    // A put sent twice after a lost reply finds its own version: then the object has changed.
                    let changed = version(&self.store.head(&path).await?) != present;
                    Ok((!changed).then_some("refuses If-Match even with the present ETag"))
                }
                Err(error) => Err(error),
            }
        }
        .await
        .map_err(Error::store(
            "try conditional puts on",
            format!("{}/{PROBES}", self.url),
        ))?;
        if let Err(error) = self.store.delete(&path).await {
            tracing::debug!("leave {path}: {error}");
        }
        Ok(found)
    }

    /// Copies the day's present object to a file in the folder.
    pub(crate) async fn fetch(
        &self,
        path: &DayPath,
        target: PathBuf,
    ) -> Result<Option<(PathBuf, ObjectVersion)>> {
        let object = self.path(path);
        let failed = || Error::store("read", format!("{}/{path}", self.url));
        let found = match self.store.get(&object).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed()(error)),
        };
        let version = ObjectVersion(version(&found.meta));
        let wanted = found.meta.size;
        let io = |action| Error::io(action, &target);
        let mut file = tokio::fs::File::create(&target).await.map_err(io("create"))?;
        let mut bytes = 0;
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.try_next().await.map_err(failed())? {
            bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(io("write"))?;
        }
        file.flush().await.map_err(io("write"))?;
        if bytes != wanted {
            let cut = format!("came as {bytes} of {wanted} bytes");
            return Err(failed()(object_store::Error::Generic {
                store: "S3",
                source: cut.into(),
            }));
        }
        Ok(Some((target, version)))
    }

    /// Puts the file in the place of that version of the day's object, or of none. `write_id` is the file's own.
    pub(crate) async fn swap(
        &self,
        staged: &Path,
        path: &DayPath,
        expected: Option<&ObjectVersion>,
        write_id: &str,
    ) -> Result<Swap> {
        let object = self.path(path);
        let payload = read_payload(staged).await?;
        let mode = match (self.conditional.get(), expected) {
            (Some(true), Some(ObjectVersion(version))) => PutMode::Update(version.clone()),
            (Some(true), None) => PutMode::Create,
            (Some(false), _) => PutMode::Overwrite,
            (None, _) => return Err(Error::Refused("the lake is open for reading only".to_string())),
        };
        let mut wait = PUT_WAIT;
        for attempt in 1.. {
            fault::point("before-swap");
            let Err(error) = self.send(&object, &payload, mode.clone()).await else {
                fault::point("swapped");
                return Ok(Swap::Done);
            };
            if is_definite(&error) {
                return Err(Error::store("write", format!("{}/{path}", self.url))(error));
            }
            tracing::debug!("read {path} back after a put of unknown outcome: {error}");
            let present = self.footer(path).await?;
            match present {
                Some((_, _, Some(facts))) if facts.write_id == write_id => return Ok(Swap::Done),
                Some((version, ..)) if Some(&version) == expected => {}
                None if expected.is_none() => {}
                _ => return Ok(Swap::Overtaken),
            }
            // Nothing was stored: the outcome may have been a passing fault.
            if attempt == PUT_ATTEMPTS {
                return Err(Error::store("write", format!("{}/{path}", self.url))(error));
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Ok(Swap::Overtaken)
    }

    /// The footer of a day's object by ranged reads of one version, and its facts.
    pub(crate) async fn footer(
        &self,
        path: &DayPath,
    ) -> Result<Option<(ObjectVersion, ParquetMetaData, Option<FileFacts>)>> {
        let Some(mut meta) = self.head(path).await? else {
            return Ok(None);
        };
        loop {
            let error = match self.footer_of(&meta, path).await {
                Ok(footer) => {
                    let facts = FileFacts::read(&path.to_string(), &footer)?;
                    return Ok(Some((ObjectVersion(version(&meta)), footer, facts)));
                }
                Err(error) => error,
            };
            match self.overwritten(&meta, path, error).await? {
                Some(now) => meta = now,
                None => return Ok(None),
            }
        }
    }

    /// The footer of a day's object and the bytes of some of its columns, by ranged reads of one version.
    pub(crate) async fn columns(&self, path: &DayPath, columns: &Columns<'_>) -> Result<Option<Pieces>> {
        let Some(mut meta) = self.head(path).await? else {
            return Ok(None);
        };
        loop {
            let error = match self.pieces_of(&meta, path, columns).await {
                Ok(pieces) => return Ok(Some(pieces)),
                Err(error) => error,
            };
            match self.overwritten(&meta, path, error).await? {
                Some(now) => meta = now,
                None => return Ok(None),
            }
        }
    }

    async fn pieces_of(&self, meta: &ObjectMeta, path: &DayPath, columns: &Columns<'_>) -> Result<Pieces> {
        let footer = self.footer_of(meta, path).await?;
        let mut pieces = Vec::new();
        for range in columns.ranges(&footer) {
            pieces.push((range.start, self.range(meta, range, path).await?));
        }
        Ok(Pieces::new(footer, meta.size, pieces))
    }

    /// What is there now where a read failed since the object was overwritten; `None` where it is gone.
    async fn overwritten(
        &self,
        meta: &ObjectMeta,
        path: &DayPath,
        error: Error,
    ) -> Result<Option<ObjectMeta>> {
        match self.head(path).await? {
            Some(now) if version(&now) != version(meta) => Ok(Some(now)),
            Some(_) => Err(error),
            None => Ok(None),
        }
    }

    async fn head(&self, path: &DayPath) -> Result<Option<ObjectMeta>> {
        match self.store.head(&self.path(path)).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::store("look at", format!("{}/{path}", self.url))(error)),
        }
    }

    async fn footer_of(&self, meta: &ObjectMeta, path: &DayPath) -> Result<ParquetMetaData> {
        let unreadable = |error| unreadable(path, &error);
        let mut decoder = ParquetMetaDataPushDecoder::try_new(meta.size)
            .map_err(unreadable)?
            .with_page_index_policy(PageIndexPolicy::Skip);
        let guess = meta.size.saturating_sub(FOOTER_GUESS)..meta.size;
        let bytes = self.range(meta, guess.clone(), path).await?;
        decoder.push_range(guess, bytes).map_err(unreadable)?;
        loop {
            match decoder.try_decode().map_err(unreadable)? {
                DecodeResult::Data(footer) => return Ok(footer),
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = self.range(meta, range.clone(), path).await?;
                        decoder.push_range(range, bytes).map_err(unreadable)?;
                    }
                }
                DecodeResult::Finished => return Err(Error::damaged(path, "has no footer")),
            }
        }
    }

    async fn range(&self, meta: &ObjectMeta, range: std::ops::Range<u64>, path: &DayPath) -> Result<Bytes> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: meta.e_tag.clone(),
            ..Default::default()
        };
        let failed = || Error::store("read", format!("{}/{path}", self.url));
        let found = self
            .store
            .get_opts(&meta.location, options)
            .await
            .map_err(failed())?;
        found.bytes().await.map_err(failed())
    }

    /// Makes one put, and gives up on a store that does not answer in the time that a slow link would take.
    async fn send(
        &self,
        object: &object_store::path::Path,
        payload: &PutPayload,
        mode: PutMode,
    ) -> object_store::Result<PutResult> {
        let options = PutOptions {
            mode,
            ..Default::default()
        };
        let time = put_time(payload.content_length());
        let put = self.writer.put_opts(object, payload.clone(), options);
        tokio::time::timeout(time, put).await.unwrap_or_else(|_| {
            Err(object_store::Error::Generic {
                store: "put",
                source: format!("no answer within {} s", time.as_secs()).into(),
            })
        })
    }

    /// Puts an object whatever is there.
    pub(crate) async fn put(&self, path: &str, payload: PutPayload) -> Result<()> {
        let put = self.send(&self.path(path), &payload, PutMode::Overwrite).await;
        put.map(drop)
            .map_err(Error::store("write", format!("{}/{path}", self.url)))
    }

    /// The bytes of a small object; `None` if there is none.
    pub(crate) async fn read_object(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let failed = || Error::store("read", format!("{}/{path}", self.url));
        match self.store.get(&self.path(path)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(failed())?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed()(error)),
        }
    }

    /// Copies the file to that path, unless there is an object. Who put what is there is for the caller to read.
    pub(crate) async fn put_absent(&self, path: &str, file: &Path) -> Result<()> {
        let object = self.path(path);
        let payload = read_payload(file).await?;
        let mode = if self.conditional.get() == Some(&true) {
            PutMode::Create
        } else {
            PutMode::Overwrite
        };
        let mut wait = PUT_WAIT;
        for _ in 1..PUT_ATTEMPTS {
            let Err(error) = self.send(&object, &payload, mode.clone()).await else {
                return Ok(());
            };
            if is_definite(&error) {
                return Err(Error::store("write", format!("{}/{path}", self.url))(error));
            }
            match self.store.head(&object).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::store("look at", format!("{}/{path}", self.url))(error)),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        let put = self.send(&object, &payload, mode).await;
        put.map(drop)
            .map_err(Error::store("write", format!("{}/{path}", self.url)))
    }

    /// Removes an object; that it is gone already is as good.
    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        match self.store.delete(&self.path(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::store("remove", format!("{}/{path}", self.url))(error)),
        }
    }

    /// The objects of a folder, at any depth; `most` bounds how many.
    pub(crate) async fn list(&self, folder: &str, most: usize) -> Result<Vec<Entry>> {
        let above = self.prefix.parts().count();
        let mut objects = self.store.list(Some(&self.path(folder)));
        let mut entries = Vec::new();
        let failed = || Error::store("list", format!("{}/{folder}", self.url));
        while let Some(object) = objects.try_next().await.map_err(failed())? {
            let parts: Vec<_> = object
                .location
                .parts()
                .skip(above)
                .map(|part| part.as_ref().to_string())
                .collect();
            entries.push(Entry {
                path: parts.join("/"),
                bytes: object.size,
                modified: object.last_modified,
            });
            if entries.len() == most {
                break;
            }
        }
        Ok(entries)
    }
}

/// Whether the store has said no for a reason that neither time nor another version changes.
fn is_definite(error: &object_store::Error) -> bool {
    use object_store::Error::{InvalidPath, NotImplemented, NotSupported, UnknownConfigurationKey};
    let unable = matches!(
        error,
        InvalidPath { .. } | NotImplemented { .. } | NotSupported { .. } | UnknownConfigurationKey { .. }
    );
    unable || refusal::remedy(error).is_some()
}

fn version(meta: &ObjectMeta) -> UpdateVersion {
    UpdateVersion {
        e_tag: meta.e_tag.clone(),
        version: meta.version.clone(),
    }
}

/// How long a put of so many bytes may take.
fn put_time(bytes: usize) -> Duration {
    PUT_TIME + Duration::from_secs(bytes as u64 / SLOWEST_LINK)
}

/// The file's bytes. A conditional put is one request, and its body is signed, so they are in memory for its time.
async fn read_payload(path: &Path) -> Result<PutPayload> {
    let failed = || Error::io("read", path);
    let mut file = tokio::fs::File::open(path).await.map_err(failed())?;
    let mut chunks = Vec::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut file)
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)
            .await
            .map_err(failed())?;
        if read == 0 {
            return Ok(chunks.into_iter().collect());
        }
        chunks.push(Bytes::from(chunk));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_put_over_a_slow_link_is_waited_for() {
        let timeout = |purpose, key| {
            let builder = s3("s3://lakes/a", &LakeOptions::default(), purpose).unwrap();
            builder.get_config_value(&AmazonS3ConfigKey::Client(key))
        };
        for purpose in [Purpose::Read, Purpose::Write] {
            assert_eq!(
                timeout(purpose, ClientConfigKey::Timeout).as_deref(),
                Some(UNLIMITED)
            );
            assert_eq!(
                timeout(purpose, ClientConfigKey::ConnectTimeout).as_deref(),
                Some("5s")
            );
        }
        // One of a put would be over before its body is sent.
        assert_eq!(timeout(Purpose::Write, ClientConfigKey::ReadTimeout), None);
        assert_eq!(
            timeout(Purpose::Read, ClientConfigKey::ReadTimeout).as_deref(),
            Some("30s")
        );
        assert!(put_time(15_000_000) > Duration::from_secs(150));
        assert_eq!(put_time(2), PUT_TIME);
    }

    fn open(location: &str) -> Result<RemoteStore> {
        RemoteStore::open(location, &LakeOptions::default())
    }

    #[test]
    fn keys_are_those_that_were_named() {
        for (url, key) in [
            ("s3://lakes/Zürich/~a b", "Zürich/~a b/call_details/x"),
            ("s3://lakes/a%20b/", "a%20b/call_details/x"),
            ("s3://lakes", "call_details/x"),
            ("gs://lakes/[a]", "[a]/call_details/x"),
        ] {
            let store = open(url).unwrap();
            assert_eq!(store.path("call_details/x").as_ref(), key, "{url}");
        }
        assert_eq!(open("s3://lakes/é").unwrap().path("").as_ref(), "é");
    }

    #[test]
    fn urls_that_are_not_plain_are_refused_and_not_shown() {
        for (url, want) in [
            ("s3://lakes/a#secret", "query or fragment"),
            ("s3://lakes/a?sig=secret", "query or fragment"),
            ("s3://lakes?secret", "query or fragment"),
            ("s3://user:secret@lakes/a", "user or password"),
            ("s3://user:secret@la kes/a", "user or password"),
            ("s3://lakes/a//b", "has a part that is empty"),
            ("s3://lakes/a/../b", "has a part that is empty"),
        ] {
            let error = open(url).unwrap_err();
            assert_eq!(error.kind(), crate::lake::ErrorKind::Usage);
            let text = error.to_string();
            assert!(text.contains(want) && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn an_endpoint_that_is_not_plain_is_refused_and_not_shown() {
        for endpoint in [
            "http://user:secret@localhost:9",
            "http://secret@localhost:9/",
            "https://x/?sig=secret",
        ] {
            let options = LakeOptions {
                endpoint_url: Some(endpoint.to_string()),
                ..LakeOptions::default()
            };
            let error = RemoteStore::open("s3://lakes/a", &options).unwrap_err();
            assert_eq!(error.kind(), crate::lake::ErrorKind::Usage);
            let text = error.to_string();
            assert!(
                text.starts_with("the endpoint's URL ") && !text.contains("secret"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_endpoint_that_is_asked_for_is_that_of_s3() {
        let options = LakeOptions {
            endpoint_url: Some("http://localhost:9".to_string()),
            ..LakeOptions::default()
        };
        let builder = s3("s3://lakes/a", &options, Purpose::Read).unwrap();
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
        assert_eq!(endpoint.as_deref(), Some("http://localhost:9"));
    }
}
