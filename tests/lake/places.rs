//! The places that a lake can be in, started and read back without any code of callake.

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

/// The bucket of every S3 server.
const BUCKET: &str = "lakes";

/// What every S3 server takes requests by.
pub(crate) const KEY: &str = "test-key";
pub(crate) const SECRET: &str = "test-secret";

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
        address: SocketAddr,
        front: Option<Front>,
    },
    S3s {
        server: S3s,
        _folder: tempfile::TempDir,
    },
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
    fn new(name: &str, lake: String, endpoint: Option<SocketAddr>, kind: Kind) -> Place {
        Place {
            name: name.to_string(),
            lake,
            endpoint: endpoint.map(|address| format!("http://{address}")),
            scratch: tempfile::tempdir().unwrap(),
            kind,
        }
    }

    /// A folder.
    pub(crate) fn folder() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let lake = folder.path().join("lake").display().to_string();
        Place::new("folder", lake, None, Kind::Folder { _folder: folder })
    }

    /// A bucket of an S3 server that checks signatures.
    pub(crate) fn s3s() -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let server = S3s::start(folder.path(), KEY, SECRET);
        let address = server.address;
        Place::new(
            "s3s-fs",
            in_bucket(),
            Some(address),
            Kind::S3s {
                server,
                _folder: folder,
            },
        )
    }

    /// A bucket of a moto server; `None`, with a message, where moto is not installed.
    pub(crate) fn moto() -> Option<Place> {
        let (server, address) = start_moto()?;
        Some(Place::new(
            "moto",
            in_bucket(),
            Some(address),
            Kind::Moto {
                _server: server,
                address,
                front: None,
            },
        ))
    }

    /// The same behind a front with those manners.
    pub(crate) fn moto_behind(manners: Manners) -> Option<Place> {
        let (server, address) = start_moto()?;
        let front = Front::start(address, manners.clone());
        let seen = front.address();
        let kind = Kind::Moto {
            _server: server,
            address,
            front: Some(front),
        };
        Some(Place::new(
            &format!("moto, {manners:?}"),
            in_bucket(),
            Some(seen),
            kind,
        ))
    }

    /// All kinds of places that do what they should.
    pub(crate) fn all() -> Vec<Place> {
        [Some(Place::folder()), Some(Place::s3s()), Place::moto()]
            .into_iter()
            .flatten()
            .collect()
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
        match self.address() {
            None => std::fs::read(self.local_day()).ok().map(Bytes::from),
            Some(address) => on_store(address, async |store| {
                store
                    .get(&object(&Place::day_path()))
                    .await
                    .ok()?
                    .bytes()
                    .await
                    .ok()
            }),
        }
    }

    /// Removes the day's file.
    pub(crate) fn clear(&self) {
        match self.address() {
            None => std::fs::remove_file(self.local_day()).unwrap(),
            Some(address) => on_store(address, async |store| {
                store.delete(&object(&Place::day_path())).await.unwrap();
            }),
        }
    }

    /// The paths of all files that a glob for `**/*.parquet` finds.
    pub(crate) fn glob(&self) -> Vec<String> {
        match self.address() {
            None => {
                let found = glob::glob(&format!("{}/**/*.parquet", self.lake)).unwrap();
                found.map(|path| path.unwrap().display().to_string()).collect()
            }
            Some(address) => on_store(address, async |store| {
                let all: Vec<_> = store.list(None).try_collect().await.unwrap();
                let paths = all.into_iter().map(|object| object.location.to_string());
                paths.filter(|path| path.ends_with(".parquet")).collect()
            }),
        }
    }

    fn local_day(&self) -> PathBuf {
        Path::new(&self.lake).join(Place::day_path())
    }

    /// The server itself, not its front.
    fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Folder { .. } => None,
            Kind::Moto { address, .. } => Some(*address),
            Kind::S3s { server, .. } => Some(server.address),
        }
    }
}

fn in_bucket() -> String {
    format!("s3://{BUCKET}/some/prefix")
}

fn object(path: &str) -> object_store::path::Path {
    format!("some/prefix/{path}").into()
}

/// Does something with the server's bucket, outside of any runtime.
fn on_store<T>(address: SocketAddr, work: impl AsyncFnOnce(AmazonS3) -> T) -> T {
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(BUCKET)
        .with_access_key_id(KEY)
        .with_secret_access_key(SECRET)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(store))
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
    let program = "from moto.server import main; main()";
    let child = Command::new(&python)
        .args([
            "-c",
            program,
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
