//! The places that a lake can be in, started and read back without any code of callake.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore, ObjectStoreExt};

use super::front::{Front, Manners};
use super::rows::DAY;
use super::s3s::S3s;

/// The bucket of every S3 server that the tests start.
const BUCKET: &str = "lakes";

/// What every S3 server that the tests start takes requests by.
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

/// A number that no other call gets.
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An empty lake.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) lake: String,
    pub(crate) endpoint: Option<String>,
    /// Whether the store has no conditional puts, so that only one may write at a time.
    pub(crate) single_writer: bool,
    /// The store itself, not its front; none for a folder.
    store: Option<Store>,
    scratch: tempfile::TempDir,
    kind: Kind,
}

/// Who serves a place; stopped when it is dropped.
#[derive(Debug)]
enum Kind {
    Folder {
        _folder: tempfile::TempDir,
    },
    Moto {
        _server: Server,
        front: Option<Front>,
    },
    S3s {
        _server: S3s,
        _folder: tempfile::TempDir,
    },
    /// One that was there before the tests, and stays.
    External,
}

/// How a prefix in an S3-compatible store is reached.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    endpoint: String,
    bucket: String,
    prefix: String,
    key: String,
    secret: String,
}

#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    fn of_store(name: &str, store: Store, kind: Kind) -> Place {
        Place {
            name: name.to_string(),
            lake: format!("s3://{}/{}", store.bucket, store.prefix),
            endpoint: Some(store.endpoint.clone()),
            single_writer: false,
            store: Some(store),
            scratch: tempfile::tempdir().unwrap(),
            kind,
        }
    }

    /// A folder.
    pub(crate) fn folder() -> Place {
        let folder = tempfile::tempdir().unwrap();
        Place {
            name: "folder".to_string(),
            lake: folder.path().join("lake").display().to_string(),
            endpoint: None,
            single_writer: false,
            store: None,
            scratch: tempfile::tempdir().unwrap(),
            kind: Kind::Folder { _folder: folder },
        }
    }

    /// A bucket of an S3 server that checks signatures.
    pub(crate) fn s3s() -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let server = S3s::start(folder.path(), KEY, SECRET);
        let store = Store::at(server.address);
        let kind = Kind::S3s {
            _server: server,
            _folder: folder,
        };
        Place::of_store("s3s-fs", store, kind)
    }

    /// A bucket of a moto server; `None`, with a message, where moto is not installed.
    pub(crate) fn moto() -> Option<Place> {
        let (server, address) = start_moto()?;
        let kind = Kind::Moto {
            _server: server,
            front: None,
        };
        Some(Place::of_store("moto", Store::at(address), kind))
    }

    /// The store that `CALLAKE_TEST_S3` names, if it does: `tests/ceph` names the other variables.
    pub(crate) fn external() -> Option<Place> {
        let variable = |name: &str| std::env::var(format!("CALLAKE_TEST_S3{name}")).ok();
        let endpoint = variable("")?;
        let store = Store {
            bucket: variable("_BUCKET").unwrap_or_else(|| BUCKET.to_string()),
            // Empty for every place, whatever earlier runs have left.
            prefix: format!(
                "callake-tests/{:016x}-{}",
                RandomState::new().hash_one(0),
                number()
            ),
            key: variable("_KEY").unwrap_or_else(|| KEY.to_string()),
            secret: variable("_SECRET").unwrap_or_else(|| SECRET.to_string()),
            endpoint,
        };
        let place = Place::of_store(&store.endpoint.clone(), store, Kind::External);
        Some(Place {
            single_writer: variable("_SINGLE_WRITER").is_some(),
            ..place
        })
    }

    /// The same behind a front with those manners.
    pub(crate) fn moto_behind(manners: Manners) -> Option<Place> {
        let (server, address) = start_moto()?;
        let front = Front::start(address, manners.clone());
        let seen = front.address();
        let kind = Kind::Moto {
            _server: server,
            front: Some(front),
        };
        let place = Place::of_store(&format!("moto, {manners:?}"), Store::at(address), kind);
        Some(Place {
            endpoint: Some(format!("http://{seen}")),
            ..place
        })
    }

    /// All kinds of places that do what they should; the external store alone where there is one.
    pub(crate) fn all() -> Vec<Place> {
        if let Some(place) = Place::external() {
            return vec![place];
        }
        [Some(Place::folder()), Some(Place::s3s()), Place::moto()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The variables by which a process reaches the store.
    pub(crate) fn credentials(&self) -> Vec<(&'static str, String)> {
        let of_store = |store: &Store| {
            vec![
                ("AWS_ACCESS_KEY_ID", store.key.clone()),
                ("AWS_SECRET_ACCESS_KEY", store.secret.clone()),
                ("AWS_REGION", "us-east-1".to_string()),
            ]
        };
        self.store.as_ref().map_or_else(Vec::new, of_store)
    }

    /// A folder for temporary files.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// How often the front treated a request badly.
    pub(crate) fn faults(&self) -> usize {
        match &self.kind {
            Kind::Moto {
                front: Some(front), ..
            } => front.faults(),
            _ => 0,
        }
    }

    /// Path of the day's file within the lake.
    pub(crate) fn day_path() -> String {
        format!("call_details/session_date={DAY}/acc.parquet")
    }

    /// The bytes of the day's file.
    pub(crate) fn read(&self) -> Option<Bytes> {
        match &self.store {
            None => std::fs::read(self.local_day()).ok().map(Bytes::from),
            Some(store) => store.with(async |client| {
                let found = client.get(&store.object(&Place::day_path())).await.ok()?;
                found.bytes().await.ok()
            }),
        }
    }

    /// Removes the day's file.
    pub(crate) fn clear(&self) {
        match &self.store {
            None => std::fs::remove_file(self.local_day()).unwrap(),
            Some(store) => store.with(async |client| {
                client.delete(&store.object(&Place::day_path())).await.unwrap();
            }),
        }
    }

    /// The paths of all files that a glob for `**/*.parquet` finds.
    pub(crate) fn glob(&self) -> Vec<String> {
        match &self.store {
            None => {
                let found = glob::glob(&format!("{}/**/*.parquet", self.lake)).unwrap();
                found.map(|path| path.unwrap().display().to_string()).collect()
            }
            Some(store) => store.with(async |client| {
                let below = store.object("");
                let all: Vec<_> = client.list(Some(&below)).try_collect().await.unwrap();
                let paths = all.into_iter().map(|object| object.location.to_string());
                paths.filter(|path| path.ends_with(".parquet")).collect()
            }),
        }
    }

    fn local_day(&self) -> PathBuf {
        Path::new(&self.lake).join(Place::day_path())
    }
}

impl Store {
    /// The bucket of a server of the tests' own.
    fn at(address: SocketAddr) -> Store {
        Store {
            endpoint: format!("http://{address}"),
            bucket: BUCKET.to_string(),
            prefix: "some/prefix".to_string(),
            key: KEY.to_string(),
            secret: SECRET.to_string(),
        }
    }

    fn object(&self, path: &str) -> object_store::path::Path {
        format!("{}/{path}", self.prefix).into()
    }

    /// Does something with the bucket, outside of any runtime.
    fn with<T>(&self, work: impl AsyncFnOnce(AmazonS3) -> T) -> T {
        let client = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.key)
            .with_secret_access_key(&self.secret)
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work(client))
    }
}

/// The Python that the tests use, if it has the module; says so where it has not.
pub(crate) fn python_with(module: &str) -> Option<String> {
    let python = std::env::var("CALLAKE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {python} has no {module}; install tests/requirements.txt or set CALLAKE_TEST_PYTHON");
    None
}

fn start_moto() -> Option<(Server, SocketAddr)> {
    let python = python_with("moto.server")?;
    // The port is free now; nobody else in the test run asks for it by number.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(&python)
        .args([
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lake/moto_server.py"),
            "-H",
            "127.0.0.1",
            "-p",
            &address.port().to_string(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    let started = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "moto does not answer"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let made = client.put(format!("http://{address}/{BUCKET}")).send().await;
        made.unwrap().error_for_status().unwrap();
    });
    Some((server, address))
}
